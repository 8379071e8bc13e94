//! What went wrong, kept so that a failed test can say it.

use std::fmt;
use std::time::Duration;

use crate::topology::Route;

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// When, since the first connection was made.
    pub at: Duration,
    /// On which connection, from 1.
    pub connection: u64,
    /// What.
    pub kind: FaultKind,
    /// What it happened to. Names that the broker chose are shown as `amq.gen`.
    pub subject: String,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A publication did not reach the broker.
    PublicationLost,
    /// The broker has the message; its publisher was told otherwise.
    ConfirmLost,
    /// A publication reached the broker twice.
    PublicationTwice,
    /// A confirm came later.
    ConfirmDelayed {
        /// By how much.
        by: Duration,
    },
    /// A delivery came twice.
    DeliveryTwice,
    /// A delivery came later.
    DeliveryDelayed {
        /// By how much.
        by: Duration,
    },
    /// A delivery let others pass.
    DeliveryOvertaken {
        /// By this many at most.
        by: u32,
    },
    /// The connection was lost.
    Disconnected {
        /// How long it takes until there is another.
        pause: Duration,
    },
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublicationLost => f.write_str("not taken"),
            Self::ConfirmLost => f.write_str("taken, and its confirm lost"),
            Self::PublicationTwice => f.write_str("taken twice"),
            Self::ConfirmDelayed { by } => write!(f, "confirmed {by:?} later"),
            Self::DeliveryTwice => f.write_str("came twice"),
            Self::DeliveryDelayed { by } => write!(f, "came {by:?} later"),
            Self::DeliveryOvertaken { by } => write!(f, "let up to {by} pass"),
            Self::Disconnected { pause } => write!(f, "the connection was lost for {pause:?}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, connection, kind, subject } = self;
        let seconds = at.as_secs_f64();
        write!(f, "{seconds:9.3} s, connection {connection}: {subject}: {kind}")
    }
}

/// What went wrong in a run, in its order. Its text has one line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultLog {
    /// The last 10,000 faults.
    pub faults: Vec<Fault>,
    /// How many came before those.
    pub before: u64,
}

impl fmt::Display for FaultLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.before > 0 {
            writeln!(f, "({} earlier faults)", self.before)?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

/// A queue's name, the same in each run.
pub(super) fn queue(name: &str) -> String {
    format!("the queue `{}`", settled_name(name))
}

/// A publication, told by where it went, the same in each run.
pub(super) fn publication(route: &Route) -> String {
    let (exchange, key) = (settled_name(route.exchange()), settled_name(route.key()));
    format!("a publication to {}", Route::new(exchange.to_owned(), key.to_owned()))
}

fn settled_name(name: &str) -> &str {
    if name.starts_with("amq.gen") { "amq.gen" } else { name }
}
