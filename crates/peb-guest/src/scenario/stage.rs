//! What scenarios are written with: steps, and what they take.

use std::time::Duration;

use peb_sim::world::Fabric;

use crate::bridge::Accesses;
use crate::lab::{Lab, LabError};

/// Time a kernel has to boot.
const BOOT: Duration = Duration::from_secs(240);
/// Time for what takes a second or so in an idle machine.
pub const SOON: Duration = Duration::from_secs(60);

/// A step that is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What was done.
    pub name: String,
    /// What was found.
    pub detail: String,
    /// How long it took.
    pub wall: Duration,
    /// Clocks that passed, 8 ns each.
    pub clocks: u64,
}

/// How a run went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was done.
    pub steps: Vec<Step>,
    /// Clocks in all.
    pub clocks: u64,
    /// Since the start.
    pub wall: Duration,
    /// What the guests asked for.
    pub accesses: Vec<Accesses>,
    /// Interrupts the guests were given.
    pub interrupts: u64,
    /// What happened in the simulated world: clock, who, what.
    pub timeline: String,
    /// The guests' consoles.
    pub consoles: Vec<(String, String)>,
}

/// Everything a scenario acts on.
pub struct Stage<'w, F> {
    /// Guests and world.
    pub lab: Lab<'w, F>,
    steps: Vec<Step>,
}

impl<'w, F: Fabric> Stage<'w, F> {
    /// A stage with nothing done yet.
    pub(super) fn new(lab: Lab<'w, F>) -> Self {
        Stage { lab, steps: Vec::new() }
    }

    /// Does a step; what it gives is shown beside its name.
    ///
    /// # Errors
    /// As the step.
    pub fn step<T: ToString>(
        &mut self,
        name: impl Into<String>,
        act: impl FnOnce(&mut Self) -> Result<T, LabError>,
    ) -> Result<T, LabError> {
        let name = name.into();
        let (wall, clocks) = (self.lab.elapsed(), self.lab.world.now());
        self.lab.begin_step(&name);
        let result = act(self)?;
        let step = Step {
            name,
            detail: result.to_string(),
            wall: self.lab.elapsed() - wall,
            clocks: self.lab.world.now() - clocks,
        };
        self.lab.end_step(&step);
        self.steps.push(step);
        Ok(result)
    }

    /// The guest boots, finds the switch with its four slots, and pciehp takes them all.
    ///
    /// # Errors
    /// [`LabError`] if it does not.
    pub fn boot(&mut self, guest: usize) -> Result<(), LabError> {
        let name = format!("{} boots", self.lab.guests[guest].name);
        self.step(name, |stage| {
            stage.lab.wait_for_shell(guest, BOOT)?;
            stage.lab.run(guest, "cut -d ' ' -f 3 /proc/version", SOON).map(|version| format!("Linux {version}"))
        })?;
        self.step("pciehp takes four slots", |stage| {
            let ports = format!("/sys/bus/pci_express/drivers/pciehp/{}:*", stage.lab.domain);
            let ports = stage.lab.run(guest, &format!("ls -d {ports} 2>/dev/null | wc -l"), SOON)?;
            let slots = stage.lab.run(guest, "ls /sys/bus/pci/slots", SOON)?;
            let slots = slots.split_whitespace().collect::<Vec<_>>().join(" ");
            if (ports.as_str(), slots.as_str()) != ("4", "1 2 3 4") {
                return Err(LabError::Wrong(format!(
                    "pciehp has taken {ports} ports; the slots are {slots:?}, not 1 to 4"
                )));
            }
            Ok(format!("slots {slots}"))
        })?;
        Ok(())
    }

    /// Powers all guests off and looks for what must not have happened.
    ///
    /// # Errors
    /// [`LabError`] if there is something.
    pub fn end(&mut self) -> Result<(), LabError> {
        for guest in 0..self.lab.guests.len() {
            let name = format!("{} powers off", self.lab.guests[guest].name);
            self.step(name, |stage| stage.lab.power_off(guest, SOON).map(|()| ""))?;
        }
        let hosts = self.lab.world.hosts.iter().flat_map(|host| host.root.complaints.iter().map(|c| c.what.clone()));
        let devices = self.lab.world.devices.iter().flat_map(|d| d.complaints.iter().map(|(_, what)| what.clone()));
        match hosts.chain(devices).next() {
            Some(complaint) => Err(LabError::Wrong(format!("something came that must not come: {complaint}"))),
            None => Ok(()),
        }
    }

    /// The report, and the fabric or what went wrong.
    pub(super) fn finish(self, end: Result<(), LabError>) -> (Report, Result<F, LabError>) {
        let console = |guest: &crate::lab::Guest| {
            let line = |line: &crate::serial::Line| format!("{:10.3} {}\n", line.at.as_secs_f64(), line.text);
            (guest.name.clone(), guest.console.lines.iter().map(line).collect())
        };
        let report = Report {
            clocks: self.lab.world.now(),
            wall: self.lab.elapsed(),
            accesses: self.lab.guests.iter().map(|guest| guest.bridge.accesses).collect(),
            interrupts: self.lab.guests.iter().map(|guest| guest.interrupts).sum(),
            timeline: self.lab.world.timeline.to_string(),
            consoles: self.lab.guests.iter().map(console).collect(),
            steps: self.steps,
        };
        (report, end.map(|()| self.lab.world.fabric))
    }
}
