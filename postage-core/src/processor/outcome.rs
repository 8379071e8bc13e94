use std::fmt::Display;
use std::time::Duration;

use crate::message::shorten_to;

/// How long a reason may be, in characters.
pub(super) const MOST: usize = 1000;

/// What becomes of a message after its handler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is done: the queue forgets it.
    Done,
    /// It failed, and may succeed another time: it is tried again as the service's
    /// [`Retry`](crate::Retry) says, and rejected when the attempts are used up.
    Fail {
        /// Why.
        reason: String,
    },
    /// As `Fail`, after a pause of the handler's own choice.
    Retry {
        /// Why.
        reason: String,
        /// How long to wait: rounded up to two digits of milliseconds, like 1,300 ms for 1,280. The
        /// broker has a queue for each pause, see [`Retry`](crate::Retry).
        after: Duration,
    },
    /// It failed for good: to the queue's dead-letter exchange where there is one, else dropped.
    /// Where no queue takes the dead letter, being full or gone, the message waits in a queue of the
    /// broker as for another attempt, for 1 s, then 2 s, up to 5 min, and is offered again, without
    /// being handled, until one does.
    Reject {
        /// Why.
        reason: String,
    },
    /// It is of no use to anybody: the queue forgets it, and no dead letter is kept.
    Drop {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// For this reason, which may quote the sender's text: the middle of a very long one is left
    /// out.
    pub(crate) fn reject(reason: impl Display) -> Self {
        Self::Reject { reason: shorten_to(&reason.to_string(), MOST).into_owned() }
    }

    /// Both outcomes of one message in one: the first that is not done.
    pub(crate) fn and(self, other: Self) -> Self {
        match self {
            Self::Done => other,
            first => first,
        }
    }
}

/// What a message handler may return: nothing, a `Result` whose error fails the message, or an
/// [`Outcome`].
#[diagnostic::on_unimplemented(
    message = "a message handler cannot return `{Self}`",
    label = "return nothing, `Result<(), E>` with an `E` that can be displayed, or `Outcome`",
    note = "nobody waits for the answer of a message; a handler that answers is an `#[rpc_handler]`"
)]
pub trait IntoOutcome {
    /// What becomes of the message.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Outcome::Done
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

impl<T: IntoOutcome, E: Display> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Outcome {
        match self {
            Ok(done) => done.into_outcome(),
            Err(error) => Outcome::Fail { reason: error.to_string() },
        }
    }
}
