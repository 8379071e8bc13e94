//! What is measured.

use std::fmt;

/// What one operation of a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call and its answer.
    Call,
    /// A message, until the broker has confirmed it.
    Publish,
    /// A message that waited in the queue, until it is handled.
    Consume,
    /// A message, confirmed and handled.
    PublishConsume,
    /// A message, confirmed and handled by each of [`FAN_OUT`] services.
    FanOut,
}

/// How many services get each message of a fan-out.
pub const FAN_OUT: usize = 8;

impl Kind {
    const ALL: [Self; 5] =
        [Self::Call, Self::Publish, Self::Consume, Self::PublishConsume, Self::FanOut];

    /// The name in tables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Publish => "publish",
            Self::Consume => "consume",
            Self::PublishConsume => "publish-consume",
            Self::FanOut => "fan-out",
        }
    }

    /// How many queues get each message.
    #[must_use]
    pub const fn queues(self) -> usize {
        if matches!(self, Self::FanOut) { FAN_OUT } else { 1 }
    }
}

/// A kind of work, how much of it is in flight, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What is done.
    pub kind: Kind,
    /// How many at once; of a case with messages, how many unconfirmed.
    pub in_flight: usize,
    /// The bytes of the text that travels.
    pub payload: usize,
}

impl Case {
    /// About how many operations a machine of two cores does in a second: how much is measured, not
    /// what it comes to.
    #[must_use]
    pub const fn expected(self) -> u64 {
        let small = match self.kind {
            Kind::Call => 10_000,
            Kind::FanOut => 5_000,
            Kind::Publish | Kind::Consume | Kind::PublishConsume => 20_000,
        };
        if self.payload > 16 * 1024 { small / 10 } else { small }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, in_flight, payload } = self;
        write!(f, "{} {in_flight} × {payload} B", kind.name())
    }
}

/// The in-flight numbers of calls.
const CALLS_IN_FLIGHT: [usize; 5] = [1, 16, 64, 256, 1024];
/// The bytes of their texts.
const CALL_PAYLOADS: [usize; 3] = [64, 1_000, 64_000];
/// How many messages are outstanding.
const OUTSTANDING: usize = 256;
const MESSAGE_PAYLOADS: [usize; 2] = [64, 1_000];

/// All cases, in the order of the table.
#[must_use]
pub fn all() -> Vec<Case> {
    let of_kind = |kind: Kind| {
        let (in_flight, payloads): (&[usize], &[usize]) = match kind {
            Kind::Call => (&CALLS_IN_FLIGHT, &CALL_PAYLOADS),
            _ => (&[OUTSTANDING], &MESSAGE_PAYLOADS),
        };
        let cases = payloads.iter().flat_map(move |&payload| {
            in_flight.iter().map(move |&in_flight| Case { kind, in_flight, payload })
        });
        cases.collect::<Vec<_>>()
    };
    Kind::ALL.into_iter().flat_map(of_kind).collect()
}
