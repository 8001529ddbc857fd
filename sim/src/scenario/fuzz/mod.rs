//! Random packets, good and bad, at every PCIe port, in every state of PEBs and links.
//!
//! Hosts and devices do nothing of themselves here: the scenario sends every packet, answers every request that comes, and judges
//! everything that comes out. It goes round after round: the registers of the switches are set up at random; then, while nothing else changes,
//! [`route`] says exactly what must become of each packet and which counter it raises; then links fall, devices and hosts are reset, moved and
//! pulled, cables cut, registers written with anything, while traffic goes on and the [`ledger`] sees to it that nothing comes twice, late, out
//! of order or from nowhere, and that each request of a host has its completion. After that the next round must be as good as the first.

mod chaos;
mod errors;
mod layout;
mod ledger;
mod packets;
mod ports;
mod route;
mod runner;
mod setup;

use super::stage::{Stage, Stop};
use crate::world::Fabric;
use runner::Fuzz;

/// Clocks of a round in which nothing changes but traffic.
const STEADY: u64 = 12_000;
/// Rounds at least.
const ROUNDS: u64 = 2;

/// Rounds until the clocks asked for are over.
pub fn fuzz<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    let end = stage.clocks;
    let mut fuzz = Fuzz::new(stage);
    let mut rounds = 0;
    while rounds < ROUNDS || fuzz.now() < end {
        fuzz.prepare()?;
        fuzz.steady(STEADY)?;
        fuzz.lose()?;
        fuzz.chaos()?;
        rounds += 1;
    }
    fuzz.prepare()?;
    fuzz.steady(STEADY)?;
    fuzz.summary(rounds)
}
