use std::time::Duration;

use super::Settlement;
use crate::topology::Route;

/// What a service made of a delivery, and why: more than the queue is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled {
    /// It was handled, and acknowledged.
    Acked,
    /// It is of no use to anybody: acknowledged, and no dead letter is kept.
    Dropped {
        /// Why.
        reason: String,
    },
    /// A copy waits for its next attempt, and the delivery was acknowledged.
    Retried {
        /// Why it failed.
        reason: String,
        /// How long the copy waits.
        after: Duration,
    },
    /// A copy went to the dead letters, and the delivery was acknowledged.
    DeadLettered {
        /// Why it failed.
        reason: String,
        /// Where the copy went.
        route: Route,
    },
    /// The dead letters did not take its copy, which waits to be offered to them again; the delivery
    /// was acknowledged.
    Kept {
        /// Why it failed.
        reason: String,
        /// How long the copy waits.
        after: Duration,
    },
    /// It was rejected: the broker drops it, or makes a dead letter of it by a policy of its own.
    Rejected {
        /// Why; empty when nobody said.
        reason: String,
    },
    /// It went back to its queue.
    Requeued,
}

impl Settled {
    /// What the queue is told.
    #[must_use]
    pub const fn settlement(&self) -> Settlement {
        match self {
            Self::Acked
            | Self::Dropped { .. }
            | Self::Retried { .. }
            | Self::DeadLettered { .. }
            | Self::Kept { .. } => Settlement::Ack,
            Self::Rejected { .. } => Settlement::Reject,
            Self::Requeued => Settlement::Requeue,
        }
    }
}

impl From<Settlement> for Settled {
    /// What is known where nobody said more.
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Ack => Self::Acked,
            Settlement::Reject => Self::Rejected { reason: String::new() },
            Settlement::Requeue => Self::Requeued,
        }
    }
}
