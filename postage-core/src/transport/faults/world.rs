//! What the connections of one broker share: the settings, the generator, the log, and whether
//! anything goes wrong at all.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::log::{Fault, FaultKind, FaultLog};
use super::plan::Faults;

const MOST_LOGGED: usize = 10_000;

#[derive(Debug)]
pub(super) struct World {
    pub(super) faults: Faults,
    begun: Instant,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    generator: Rng,
    calm: bool,
    connections: u64,
    log: VecDeque<Fault>,
    forgotten: u64,
}

/// Whether an operation took effect before the connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Before,
    After,
}

/// What becomes of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublicationFate {
    ConnectionLost(Loss),
    Lost,
    ConfirmLost,
    Taken { twice: bool, confirmed_after: Duration },
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryFate {
    ConnectionLost,
    Comes { twice: bool, after: Duration, overtaken_by: u32 },
}

impl World {
    pub(super) fn new(faults: Faults) -> Self {
        let now = Now {
            generator: Rng::with_seed(faults.seed),
            calm: false,
            connections: 0,
            log: VecDeque::new(),
            forgotten: 0,
        };
        Self { faults, begun: Instant::now(), now: Mutex::new(now) }
    }

    /// The number of a new connection.
    pub(super) fn next_connection(&self) -> u64 {
        let mut now = self.now();
        now.connections += 1;
        now.connections
    }

    pub(super) fn calm(&self) {
        self.now().calm = true;
    }

    pub(super) fn log(&self) -> FaultLog {
        let now = self.now();
        FaultLog { faults: now.log.iter().cloned().collect(), before: now.forgotten }
    }

    pub(super) fn note(&self, connection: u64, kind: FaultKind, subject: &str) {
        let at = self.begun.elapsed();
        let mut now = self.now();
        if now.log.len() == MOST_LOGGED {
            now.log.pop_front();
            now.forgotten += 1;
        }
        now.log.push_back(Fault { at, connection, kind, subject: subject.to_owned() });
    }

    /// Whether the connection is lost at an operation.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.now().loss(&self.faults)
    }

    pub(super) fn publication(&self, confirm: bool) -> PublicationFate {
        let faults = &self.faults;
        let mut now = self.now();
        if let Some(loss) = now.loss(faults) {
            PublicationFate::ConnectionLost(loss)
        } else if now.hits(faults.lost_publications) {
            PublicationFate::Lost
        } else if confirm && now.hits(faults.lost_confirms) {
            PublicationFate::ConfirmLost
        } else {
            let twice = now.hits(faults.doubled_publications);
            let confirmed_after = if confirm { now.delay(faults) } else { Duration::ZERO };
            PublicationFate::Taken { twice, confirmed_after }
        }
    }

    pub(super) fn delivery(&self) -> DeliveryFate {
        let faults = &self.faults;
        let mut now = self.now();
        if now.loss(faults).is_some() {
            return DeliveryFate::ConnectionLost;
        }
        let twice = now.hits(faults.doubled_deliveries);
        let after = now.delay(faults);
        let overtaken = faults.window > 0 && now.hits(faults.reorderings);
        let overtaken_by = if overtaken { now.generator.u32(1..=faults.window) } else { 0 };
        DeliveryFate::Comes { twice, after, overtaken_by }
    }

    /// How long a connection stays lost.
    pub(super) fn pause(&self) -> Duration {
        self.now().up_to(self.faults.longest_pause)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn hits(&mut self, probability: f64) -> bool {
        !self.calm && self.generator.f64() < probability
    }

    fn loss(&mut self, faults: &Faults) -> Option<Loss> {
        if !self.hits(faults.disconnects) {
            return None;
        }
        Some(if self.generator.bool() { Loss::After } else { Loss::Before })
    }

    fn delay(&mut self, faults: &Faults) -> Duration {
        if self.hits(faults.delays) { self.up_to(faults.longest_delay) } else { Duration::ZERO }
    }

    /// Whole milliseconds, which is what timers keep.
    fn up_to(&mut self, longest: Duration) -> Duration {
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.generator.u64(0..=millis))
    }
}
