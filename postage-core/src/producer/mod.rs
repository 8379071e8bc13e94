//! Sending and calling: the producer, the two futures that it makes, and the way of a reply back.

mod answers;
mod attempt;
mod call;
mod elsewhere;
mod events;
mod inbox;
mod leaving;
mod options;
mod parameters;
mod publish;
mod replies;
mod statuses;
mod stored;
mod ticket;
mod untyped;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use answers::{Answered, Answers};
pub(crate) use attempt::{Pending, Request};
pub use call::Call;
pub(crate) use call::read_result;
pub use elsewhere::{AnswerTo, Store};
pub use events::{Event, Events};
use options::routes;
pub(crate) use options::{Outgoing, Routes};
pub use parameters::Named;
pub use publish::Publish;
pub(crate) use replies::Replies;
pub use stored::StoredTicket;
pub(crate) use stored::TICKETS;
pub(crate) use ticket::Started;
pub use ticket::{Detach, Ticket};

use crate::broker::Broker;
use crate::contract::{Contract, Peer};
use crate::layers::SendingService;
use crate::link::Link;
use crate::message::Identity;
use crate::topology::{Address, Exchange};

/// How long each attempt of a call waits for its answer, unless set.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a call that was not answered is sent again, unless set.
pub const DEFAULT_MAX_RETRY: u32 = 4;

/// Sends messages and makes calls in the name of a fingerprint.
///
/// `#[producer]` makes a typed client of a contract, which has one of these underneath. By itself
/// it sends to peers with which no contract is shared.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use postage_core::{Broker, Exchange, ExchangeKind, Fingerprint, Producer, SendError};
///
/// let broker = Broker::memory();
/// let echo = Exchange::new("echo-exchange", ExchangeKind::Direct);
/// let producer =
///     Producer::new(&broker, Fingerprint::new("shop", "front-end")).eks([(echo, "echo-rk")]);
///
/// // Nobody is bound to the exchange yet, and the producer hears of it.
/// let unheard = producer.command("echo", "hello").await;
/// assert!(matches!(unheard, Err(SendError::Unroutable { .. })));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Producer {
    link: Arc<Link>,
    replies: Arc<Replies>,
    identity: Arc<Identity>,
    defaults: Defaults,
    /// What is sent and called goes through these.
    pub(crate) layers: Option<SendingService>,
}

#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) routes: Routes,
    pub(crate) timeout: Duration,
    pub(crate) max_retry: u32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) peer: Peer,
    pub(crate) version: Option<Cow<'static, str>>,
}

impl Producer {
    /// A producer that sends as `fingerprint`: a [`Fingerprint`](crate::Fingerprint), or any type
    /// that serializes to a map. It has no exchange and key yet.
    #[must_use]
    pub fn new(broker: &Broker, fingerprint: impl Serialize) -> Self {
        let link = Arc::clone(broker.link());
        let identity = Arc::new(Identity::new(fingerprint, link.transport.vhost()));
        Self {
            link,
            replies: Arc::clone(broker.replies()),
            identity,
            defaults: Defaults {
                routes: Arc::new([]),
                timeout: DEFAULT_TIMEOUT,
                max_retry: DEFAULT_MAX_RETRY,
                deadline: None,
                peer: Peer::default(),
                version: None,
            },
            layers: None,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn for_contract(broker: &Broker, fingerprint: impl Serialize, contract: Contract) -> Self {
        let mut producer = Self::new(broker, fingerprint).eks(contract.routes().iter().cloned());
        let defaults = &mut producer.defaults;
        defaults.timeout = contract.timeout.unwrap_or(defaults.timeout);
        defaults.max_retry = contract.max_retry.unwrap_or(defaults.max_retry);
        defaults.deadline = contract.deadline;
        defaults.peer = contract.peer;
        defaults.version = contract.version().map(Cow::Borrowed);
        producer
    }

    /// The exchanges and keys to send to: messages go to all of them, calls to the first.
    #[must_use]
    pub fn eks<K: Into<Cow<'static, str>>>(
        mut self,
        eks: impl IntoIterator<Item = (Exchange, K)>,
    ) -> Self {
        self.defaults.routes = routes(eks);
        self
    }

    /// Sends to the applications at this address.
    #[must_use]
    pub fn to(self, address: impl Into<Address>) -> Self {
        self.eks(address.into().eks())
    }

    /// How long each attempt of a call waits for its answer. 30 s unless set.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.defaults.timeout = timeout;
        self
    }

    /// How often a call that was not answered is sent again. 4 times unless set.
    #[must_use]
    pub const fn max_retry(mut self, retries: u32) -> Self {
        self.defaults.max_retry = retries;
        self
    }

    /// How long a call may take in all its attempts. Unset, the attempts are the only bound.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.defaults.deadline = Some(deadline);
        self
    }

    /// Which version of the services' contracts what is sent and called is of, see
    /// [`Contract`](crate::Contract#versions). None unless set; a generated client's is its
    /// contract's.
    #[must_use]
    pub fn version(mut self, version: impl Into<Cow<'static, str>>) -> Self {
        self.defaults.version = Some(version.into());
        self
    }

    /// Who answers the calls. [`Peer::Python`] returns no correlation id, so each call gets a
    /// reply address of its own.
    #[must_use]
    pub const fn peer(mut self, peer: Peer) -> Self {
        self.defaults.peer = peer;
        self
    }
}
