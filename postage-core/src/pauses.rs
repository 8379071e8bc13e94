//! The pauses between attempts at something that failed: growing, and jittered, so that those who
//! were cut off together do not come back together.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// An endless row of pauses, between 50 ms and 4 s.
#[derive(Debug)]
pub(crate) struct Pauses(backon::ExponentialBackoff);

impl Pauses {
    pub(crate) fn new() -> Self {
        let growing = ExponentialBuilder::default().with_min_delay(FIRST).with_max_delay(LONGEST);
        Self(growing.with_jitter().without_max_times().build())
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }
}
