//! What work takes of this process: time, processor time, context switches, allocations.

use std::time::{Duration, Instant};

use alloc_tracker::{ProcessSpan, Session};
use nix::sys::resource::{Usage as Used, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::Error;

/// Measures from when it is made. Allocations are counted where the program's allocator is
/// [`alloc_tracker::Allocator`]; elsewhere there are none.
#[derive(Debug)]
pub struct Meter {
    begun: Instant,
    before: Used,
    session: Session,
    allocating: ProcessSpan,
}

/// What was taken.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// By the clock on the wall.
    pub elapsed: Duration,
    /// Microseconds of all processors, in user and kernel mode.
    pub cpu_us: f64,
    /// How often a thread waited, or was made to.
    pub switches: f64,
    /// How often memory was allocated.
    pub allocations: f64,
}

impl Meter {
    /// Begins.
    ///
    /// # Errors
    /// When the system does not say what was used.
    pub fn start() -> Result<Self, Error> {
        let session = Session::new();
        let allocating = session.operation("all").measure_process();
        Ok(Self {
            before: getrusage(UsageWho::RUSAGE_SELF)?,
            session,
            allocating,
            begun: Instant::now(),
        })
    }

    /// Ends.
    ///
    /// # Errors
    /// As [`Meter::start`].
    pub fn stop(self) -> Result<Usage, Error> {
        let elapsed = self.begun.elapsed();
        let after = getrusage(UsageWho::RUSAGE_SELF)?;
        drop(self.allocating);
        let report = self.session.to_report();
        let allocations =
            report.operations().map(|(_, all)| all.total_allocations_count()).sum::<u64>();
        Ok(Usage {
            elapsed,
            cpu_us: cpu_us(&after) - cpu_us(&self.before),
            switches: switches(&after) - switches(&self.before),
            allocations: allocations as f64,
        })
    }
}

fn cpu_us(used: &Used) -> f64 {
    (used.user_time().num_microseconds() + used.system_time().num_microseconds()) as f64
}

fn switches(used: &Used) -> f64 {
    (used.voluntary_context_switches() + used.involuntary_context_switches()) as f64
}
