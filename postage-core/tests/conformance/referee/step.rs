//! What may be done to a broker, made at random.

use postage_core::transport::Settlement;
use postage_core::{ExchangeKind, Overflow};
use proptest::bool::weighted as often;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(super) const EXCHANGES: usize = 3;
pub(super) const QUEUES: usize = 4;
/// Routing keys and binding keys alike; some are names of queues.
const KEYS: [&str; 7] = ["a", "a.b", "#", "a.*", "queue-0", "queue-1", "queue-2"];

/// One step. Exchanges and queues are numbers; the exchange after the last is the default one.
#[derive(Clone, Debug)]
pub(super) enum Step {
    DeclareExchange {
        exchange: usize,
        kind: ExchangeKind,
        durable: bool,
        auto_delete: bool,
        internal: bool,
        alternate: Option<usize>,
    },
    DeclareQueue {
        queue: usize,
        auto_delete: bool,
        max_length: Option<u64>,
        overflow: Option<Overflow>,
        dead_letter: Option<(usize, Option<&'static str>)>,
        max_priority: Option<i64>,
    },
    DeleteQueue(usize),
    Bind(Link),
    Unbind(Link),
    Publish {
        exchange: usize,
        key: &'static str,
        /// Which of the two headers that bindings ask for it has.
        headers: (bool, bool),
        priority: Option<u8>,
    },
    Take(usize, Settlement),
}

/// A binding.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) exchange: usize,
    pub(super) queue: usize,
    pub(super) key: &'static str,
    /// How the headers are to match, with two headers to match.
    pub(super) matching: Option<&'static str>,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let settlement =
        select(vec![Settlement::Ack, Settlement::Reject, Settlement::Reject, Settlement::Requeue]);
    prop_oneof![
        3 => declare_exchange(),
        4 => declare_queue(),
        1 => (0..QUEUES).prop_map(Step::DeleteQueue),
        6 => link().prop_map(Step::Bind),
        1 => link().prop_map(Step::Unbind),
        12 => publish(),
        4 => (0..QUEUES, settlement).prop_map(|(queue, settlement)| Step::Take(queue, settlement)),
    ]
}

fn declare_exchange() -> impl Strategy<Value = Step> {
    let kind = select(vec![
        ExchangeKind::Direct,
        ExchangeKind::Topic,
        ExchangeKind::Fanout,
        ExchangeKind::Headers,
    ]);
    let flags = (often(0.9), often(0.1), often(0.1));
    (0..EXCHANGES, kind, flags, option::weighted(0.3, 0..EXCHANGES)).prop_map(
        |(exchange, kind, (durable, auto_delete, internal), alternate)| Step::DeclareExchange {
            exchange,
            kind,
            durable,
            auto_delete,
            internal,
            alternate,
        },
    )
}

fn declare_queue() -> impl Strategy<Value = Step> {
    let overflow = select(vec![
        Overflow::DropHead,
        Overflow::RejectPublish,
        Overflow::RejectPublishDeadLetter,
    ]);
    let dead_letter = option::weighted(0.6, (0..=EXCHANGES, option::of(select(&KEYS[..]))));
    let limit = (option::weighted(0.5, 0..3_u64), option::of(overflow));
    (0..QUEUES, often(0.1), limit, dead_letter, option::weighted(0.2, 1..4_i64)).prop_map(
        |(queue, auto_delete, (max_length, overflow), dead_letter, max_priority)| {
            Step::DeclareQueue {
                queue,
                auto_delete,
                // One queue only: two that overflow at once send their dead letters in any order.
                max_length: max_length.filter(|_| queue == 0),
                overflow,
                dead_letter,
                max_priority,
            }
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    let matching = option::of(select(&["all", "any", "any-with-x"][..]));
    (0..=EXCHANGES, 0..QUEUES, select(&KEYS[..]), matching)
        .prop_map(|(exchange, queue, key, matching)| Link { exchange, queue, key, matching })
}

fn publish() -> impl Strategy<Value = Step> {
    let priority = option::weighted(0.3, 0..5_u8);
    (0..=EXCHANGES, select(&KEYS[..]), any::<(bool, bool)>(), priority).prop_map(
        |(exchange, key, headers, priority)| Step::Publish { exchange, key, headers, priority },
    )
}
