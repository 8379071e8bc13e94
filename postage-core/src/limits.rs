//! What is bounded in the messages and calls of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::error::CallFault;
use crate::message::{CodecError, is_nested_deeper};

/// The largest body, in bytes, that is sent or read unless set: 16 MiB.
pub const DEFAULT_MAX_BODY: usize = 16 * 1024 * 1024;

/// How deep the lists and maps of a body may be nested unless set, and at most: 127 levels, which
/// is what the JSON parser follows.
pub const DEFAULT_MAX_DEPTH: usize = 127;

/// How many calls of a connection may be pending unless set.
///
/// That is a minute of 500 calls a second with nobody to answer. Each takes at most 7 KiB
/// beside its body (measured over AMQP), so as many take 225 MiB at most.
pub const DEFAULT_MAX_CALLS: usize = 32_768;

/// How long a send may wait for the broker unless set.
pub(crate) const SEND_WITHIN: Duration = Duration::from_secs(30);

/// As long as a wait can be: the clocks of some systems end not much later.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The end of a wait that begins then.
pub(crate) fn after(start: Instant, time: Duration) -> Instant {
    start + time.min(LONGEST)
}

/// A place among the pending calls, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct PendingCall(Arc<AtomicUsize>);

impl Drop for PendingCall {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The limits of a broker handle.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The largest body, in bytes, that is sent or read.
    body: usize,
    /// How deep the body's lists and maps may be nested, its own map included.
    depth: usize,
    calls: usize,
    /// How many calls are pending, over all handles of one limit.
    pending: Arc<AtomicUsize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: DEFAULT_MAX_BODY,
            depth: DEFAULT_MAX_DEPTH,
            calls: DEFAULT_MAX_CALLS,
            pending: Arc::default(),
        }
    }
}

impl Limits {
    pub(crate) fn with_body(self, bytes: usize) -> Self {
        Self { body: bytes, ..self }
    }

    pub(crate) fn with_depth(self, levels: usize) -> Self {
        Self { depth: levels.min(DEFAULT_MAX_DEPTH), ..self }
    }

    pub(crate) fn with_calls(self, calls: usize) -> Self {
        Self { calls, pending: Arc::default(), ..self }
    }

    /// A place among the pending calls. Nobody waits for one.
    pub(crate) fn begin_call(&self) -> Result<PendingCall, CallFault> {
        let limit = self.calls;
        let one_more = |pending| (pending < limit).then_some(pending + 1);
        let begun = self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begun.map_err(|_| CallFault::TooManyCalls { limit })?;
        Ok(PendingCall(Arc::clone(&self.pending)))
    }

    pub(crate) fn check_size(&self, body: &Bytes) -> Result<(), CodecError> {
        let (size, limit) = (body.len(), self.body);
        if size <= limit {
            return Ok(());
        }
        Err(CodecError::new(format_args!(
            "the body has {size} bytes, over the limit of {limit} bytes"
        )))
    }

    pub(crate) fn check_depth(&self, json: &[u8]) -> Result<(), CodecError> {
        if !is_nested_deeper(json, self.depth) {
            return Ok(());
        }
        Err(CodecError::new(format_args!(
            "the body is nested deeper than the limit of {} levels",
            self.depth
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_beyond_the_limit_has_no_place_until_one_ends() {
        let limits = Limits::default().with_calls(2);
        let (one, _two) = (limits.begin_call().unwrap(), limits.clone().begin_call().unwrap());
        let refused = limits.begin_call().unwrap_err();
        assert!(matches!(refused, CallFault::TooManyCalls { limit: 2 }), "{refused:?}");
        assert!(refused.to_string().contains("with_max_calls"), "{refused}");
        drop(one);
        assert!(limits.begin_call().is_ok());
    }

    #[test]
    fn a_limit_of_calls_beyond_what_can_be_counted_is_no_panic() {
        assert!(Limits::default().with_calls(usize::MAX).begin_call().is_ok());
        assert!(Limits::default().with_calls(0).begin_call().is_err());
    }

    #[test]
    fn unset_a_body_may_be_nested_as_deep_as_the_parser_follows_and_no_setting_goes_beyond() {
        let nested = |levels| ["[".repeat(levels), "]".repeat(levels)].concat();
        let parsed = |json: &str| serde_json::from_str::<serde_json::Value>(json).is_ok();
        for limits in [Limits::default(), Limits::default().with_depth(1_000)] {
            let (deepest, deeper) = (nested(DEFAULT_MAX_DEPTH), nested(DEFAULT_MAX_DEPTH + 1));
            assert!(parsed(&deepest) && limits.check_depth(deepest.as_bytes()).is_ok());
            assert!(!parsed(&deeper));
            let error = limits.check_depth(deeper.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("limit of 127 levels"), "{error}");
        }
        let set = Limits::default().with_depth(3);
        assert!(set.check_depth(b"[[[]]]").is_ok() && set.check_depth(b"[[[[]]]]").is_err());
    }
}
