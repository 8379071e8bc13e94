//! What the soak's client may ask of its services.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::{ExchangeKind, QueueKind};

use crate::options::Options;

/// How long a call may take in all its attempts.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(30);
/// How long a send may wait for its confirm.
pub(crate) const SEND_DEADLINE: Duration = Duration::from_secs(30);
/// How long queues are kept that nobody uses: where a soak was killed, nothing is left for ever.
const KEPT_UNUSED: Duration = Duration::from_secs(3600);

const MESSAGES: &str = "messages";
const CALLS: &str = "calls";

/// Stands in the contract; each run has an exchange under a name of its own.
#[exchange(name = "postage-soak", kind = "direct", auto_delete)]
pub(crate) struct SoakExchange;

/// What a service of the soak does.
#[producer(exchange = SoakExchange, key = "messages")]
pub(crate) trait Soak {
    /// Takes note of the message of this number.
    #[message(key = "messages", persistent)]
    async fn tell(&self, run: u64, number: u64);

    /// Answers [`answer`] to the call of this number.
    #[rpc(key = "calls", timeout = "5s", max_retry = 5)]
    async fn ask(&self, run: u64, number: u64) -> u64;
}

/// The answer to a call, which is that to no other call.
pub(crate) const fn answer(run: u64, number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ run
}

/// The names of one run.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
    quorum: bool,
}

impl Names {
    pub(crate) fn new(options: &Options, run: u64) -> Self {
        let own = || format!("postage-soak-{run:016x}");
        Self { prefix: options.prefix.clone().unwrap_or_else(own), quorum: options.quorum }
    }

    /// It goes with its last queue.
    fn exchange(&self) -> Exchange {
        Exchange::new(self.prefix.clone(), ExchangeKind::Direct).auto_delete(true)
    }

    /// The names of the queues.
    pub(crate) fn queues(&self) -> [String; 2] {
        [MESSAGES, CALLS].map(|key| format!("{}.{key}", self.prefix))
    }

    /// The exchange, and the queue and the key of messages and of calls.
    pub(crate) fn bindings(&self) -> [(Exchange, Queue, &'static str); 2] {
        let kind = if self.quorum { QueueKind::Quorum } else { QueueKind::Classic };
        let [messages, calls] = self.queues();
        [(messages, MESSAGES), (calls, CALLS)].map(|(name, key)| {
            (self.exchange(), Queue::new(name).kind(kind).expires(KEPT_UNUSED), key)
        })
    }

    /// A client for this run.
    pub(crate) fn client(&self, broker: &Broker) -> SoakProducer {
        let client = SoakProducer::new(broker, Fingerprint::new("soak", "client"));
        client.with(|producer| producer.eks([(self.exchange(), MESSAGES)]).deadline(CALL_DEADLINE))
    }
}
