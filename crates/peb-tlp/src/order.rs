//! The ordering rules, and a checker that applies them to what went in and what came out.

use crate::Class;

#[cfg(feature = "std")]
pub use checker::{Anomaly, OrderChecker, OrderReport};

/// What the ordering rules look at in a TLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Posted, non-posted or completion.
    pub class: Class,
    /// The TLP's own Relaxed Ordering bit.
    pub relaxed_ordering: bool,
}

/// True if a TLP sent later may be delivered ahead of one sent earlier, on the same tunnel and in the same direction.
///
/// Stricter than PCIe 2.4.1 asks, within what it allows:
/// * each class stays in the order sent, posted requests with Relaxed Ordering apart;
/// * nothing passes a posted request, posted requests and completions with Relaxed Ordering apart;
/// * posted requests and completions pass non-posted ones (they must, or the fabric may deadlock) and one another.
pub const fn may_pass(later: Flow, earlier: Flow) -> bool {
    match (later.class, earlier.class) {
        (Class::Posted | Class::Completion, Class::Posted) => later.relaxed_ordering,
        (Class::NonPosted, Class::Posted) => false,
        (Class::NonPosted, Class::NonPosted) | (Class::Completion, Class::Completion) => false,
        _ => true,
    }
}

#[cfg(feature = "std")]
mod checker {
    use super::{may_pass, Flow};
    use crate::{Class, FmtType, TlpError};
    use std::collections::{BTreeSet, HashMap};
    use std::fmt;

    /// How many anomalies are kept with their TLP.
    const KEPT: usize = 32;

    /// Every flow there is, to index the newest TLP delivered of each.
    const FLOWS: [Flow; 6] = {
        const fn flow(class: Class, relaxed_ordering: bool) -> Flow {
            Flow { class, relaxed_ordering }
        }
        [
            flow(Class::Posted, false),
            flow(Class::Posted, true),
            flow(Class::NonPosted, false),
            flow(Class::NonPosted, true),
            flow(Class::Completion, false),
            flow(Class::Completion, true),
        ]
    };

    /// What an [`OrderChecker`] has counted.
    ///
    /// `sent = delivered - duplicated - corrupted + missing` always holds.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OrderReport {
        /// TLPs put in.
        pub sent: u64,
        /// TLPs that came out, of any kind.
        pub delivered: u64,
        /// TLPs put in that did not come out, byte for byte.
        pub missing: u64,
        /// TLPs that came out more often than they were put in.
        pub duplicated: u64,
        /// TLPs that came out after one sent later that must not pass them (see [`may_pass`]).
        pub reordered: u64,
        /// TLPs that came out and were never put in: some byte differs.
        pub corrupted: u64,
    }

    impl OrderReport {
        /// True if every TLP came out once, equal and in order.
        pub const fn is_clean(&self) -> bool {
            self.missing == 0 && self.duplicated == 0 && self.reordered == 0 && self.corrupted == 0
        }
    }

    /// One wrong delivery.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Anomaly {
        /// Came out more often than it went in: place among the deliveries, bytes.
        Duplicated(u64, Box<[u8]>),
        /// Came out late: place among the sent, place among the sent of one that passed it, bytes.
        Reordered(u64, u64, Box<[u8]>),
        /// Never went in: place among the deliveries, bytes.
        Corrupted(u64, Box<[u8]>),
    }

    impl fmt::Display for Anomaly {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let bytes = match self {
                Anomaly::Duplicated(at, bytes) => {
                    write!(f, "delivery {at} is a duplicate:")?;
                    bytes
                }
                Anomaly::Corrupted(at, bytes) => {
                    write!(f, "delivery {at} was never sent:")?;
                    bytes
                }
                Anomaly::Reordered(sent, by, bytes) => {
                    write!(f, "TLP {sent} was passed by TLP {by}:")?;
                    bytes
                }
            };
            bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
        }
    }

    /// Compares the TLPs put into one direction of a tunnel with those that come out of it.
    ///
    /// Call [`sent`](Self::sent) when the last beat of a TLP went in and [`delivered`](Self::delivered) when the last
    /// beat came out. TLPs are told apart by their bytes alone. Of several equal ones the earliest is taken that is
    /// outstanding and in order, so one that is lost does not make its equals look late. Each call takes O(log n).
    #[derive(Clone, Debug, Default)]
    pub struct OrderChecker {
        tlps: HashMap<Box<[u8]>, Sent>,
        newest: [Option<u64>; FLOWS.len()],
        counts: OrderReport,
        anomalies: Vec<Anomaly>,
    }

    /// All TLPs with the same bytes.
    #[derive(Clone, Debug)]
    struct Sent {
        flow: Flow,
        /// Places among the sent, of those not delivered yet.
        outstanding: BTreeSet<u64>,
    }

    impl OrderChecker {
        /// A checker that has seen nothing.
        pub fn new() -> Self {
            Self::default()
        }

        /// Notes a TLP put in; returns its place among the sent, from 0.
        ///
        /// # Errors
        /// [`TlpError`] if its class cannot be told, because it ends before the third byte or its type is reserved.
        pub fn sent(&mut self, tlp: &[u8]) -> Result<u64, TlpError> {
            let &[byte0, _, byte2, ..] = tlp else {
                return Err(TlpError::TooShort { need: crate::MIN_TLP, have: tlp.len() });
            };
            let flow = Flow { class: FmtType::parse(byte0)?.class(), relaxed_ordering: byte2 & 0x20 != 0 };
            let place = self.counts.sent;
            self.counts.sent += 1;
            self.counts.missing += 1;
            match self.tlps.get_mut(tlp) {
                Some(sent) => sent.outstanding.insert(place),
                None => {
                    let sent = Sent { flow, outstanding: BTreeSet::from([place]) };
                    self.tlps.insert(tlp.into(), sent).is_none()
                }
            };
            Ok(place)
        }

        /// Notes a TLP that came out; true if it is right and in order.
        pub fn delivered(&mut self, tlp: &[u8]) -> bool {
            let at = self.counts.delivered;
            self.counts.delivered += 1;
            let Some(sent) = self.tlps.get_mut(tlp) else {
                self.counts.corrupted += 1;
                self.keep(|| Anomaly::Corrupted(at, tlp.into()));
                return false;
            };
            // The newest TLP delivered that must not pass this one: this one must have been sent after it.
            let newest = (0..FLOWS.len()).filter(|&i| !may_pass(FLOWS[i], sent.flow));
            let passed_by = newest.filter_map(|i| self.newest[i]).max();
            let in_order = sent.outstanding.range(passed_by.unwrap_or(0)..).next();
            let Some(&place) = in_order.or(sent.outstanding.first()) else {
                self.counts.duplicated += 1;
                self.keep(|| Anomaly::Duplicated(at, tlp.into()));
                return false;
            };
            sent.outstanding.remove(&place);
            self.counts.missing -= 1;
            if let Some(i) = FLOWS.iter().position(|flow| *flow == sent.flow) {
                self.newest[i] = self.newest[i].max(Some(place));
            }
            match passed_by {
                Some(by) if by > place => {
                    self.counts.reordered += 1;
                    self.keep(|| Anomaly::Reordered(place, by, tlp.into()));
                    false
                }
                _ => true,
            }
        }

        /// The counts so far; what is still on its way counts as missing.
        pub const fn report(&self) -> OrderReport {
            self.counts
        }

        /// The first wrong deliveries, at most 32.
        pub fn anomalies(&self) -> &[Anomaly] {
            &self.anomalies
        }

        /// What has been sent and not delivered, in the order sent: place among the sent, and bytes.
        pub fn missing(&self) -> Vec<(u64, &[u8])> {
            let each = self.tlps.iter().flat_map(|(tlp, sent)| sent.outstanding.iter().map(move |at| (*at, &**tlp)));
            let mut missing: Vec<_> = each.collect();
            missing.sort_unstable();
            missing
        }

        fn keep(&mut self, anomaly: impl FnOnce() -> Anomaly) {
            if self.anomalies.len() < KEPT {
                self.anomalies.push(anomaly());
            }
        }
    }
}
