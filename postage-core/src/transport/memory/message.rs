//! A message inside the broker.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::expiry::Now;
use crate::topology::Route;
use crate::transport::Properties;

/// What was published, shared by all the queues that hold a copy.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: Bytes,
    pub(super) properties: Properties,
    pub(super) route: Route,
}

/// A message's place in its queue: the higher priority first, then the older.
pub(super) type Place = (Reverse<u8>, u64);

/// A queue's copy of a message. It keeps its place while it is out with a consumer.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) place: Place,
    pub(super) message: Arc<Message>,
    pub(super) expires: Option<Instant>,
    /// How often a consumer has given it back.
    pub(super) returns: u32,
}

impl Held {
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.message.body.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_expired(&self, now: &Now) -> bool {
        self.expires.is_some_and(|expires| expires <= now.get())
    }
}
