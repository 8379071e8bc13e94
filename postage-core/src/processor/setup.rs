use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::Retry;
use super::dedup::{DedupStore, RecentMessages};
use super::replier::Origin;
use crate::error::ServeError;
use crate::layers::HandlerService;
use crate::message::Identity;
use crate::topology::{Binding, Exchange, Queue};

/// How many unsettled messages a queue may have out at a service, unless set.
///
/// Measured on RabbitMQ 3.10 with calls of 64 bytes, 256 in flight, client, service and broker on
/// two cores, medians of five rounds: beside the throughput at 100, a prefetch of 1 gives 0.19, 10
/// gives 0.67, 50 gives 1.01, 250 gives 0.90, 1,000 gives 0.99. More than 100 only takes messages
/// away from other consumers.
pub const DEFAULT_PREFETCH: u16 = 100;

/// How many unsettled messages a queue may have out where no bound is set, and how many handlers run
/// then: what has come waits in memory.
const MOST_OUT: u16 = 1024;

/// How long a handler may run, unless set.
pub const DEFAULT_HANDLER_TIME: Duration = Duration::from_secs(600);

/// How much time lies between one progress of a call and the next, unless set.
pub const DEFAULT_PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Which reply addresses a service answers to. The address comes with the request, so whoever may
/// send to the service chooses where its answers go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyTo {
    /// To any queue.
    #[default]
    Anywhere,
    /// Only to queues whose names the broker made, as callers' reply queues are: those that begin
    /// with `amq.`. A request with another address is rejected.
    ReplyQueues,
}

impl ReplyTo {
    pub(super) fn allows(self, address: &str) -> bool {
        self == Self::Anywhere || address.starts_with("amq.")
    }
}

/// What a service consumes, and how: from its attributes, then from its owner.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct ServiceSetup {
    pub(super) queues: Vec<Queue>,
    /// Each with the place of its queue among the queues.
    pub(super) bindings: Vec<(usize, Binding)>,
    pub(super) prefetch: u16,
    pub(super) concurrency: Option<usize>,
    pub(super) retry: Retry,
    pub(crate) identity: Option<Identity>,
    pub(super) dedup: Dedup,
    pub(super) handler_time: Duration,
    pub(super) progress_every: Duration,
    pub(super) accepted_by_handlers: bool,
    pub(super) reply_to: ReplyTo,
    pub(crate) layers: Option<HandlerService>,
    pub(super) quit: bool,
    pub(super) restart: bool,
    /// Whether callers are told the traces and the modules of what went wrong.
    pub(super) traces: bool,
    /// Whom answers say they come from.
    pub(crate) answers_from: Option<Arc<Origin>>,
    /// The place of the application's own processor: its handlers run outside of the layers, in
    /// places of their own.
    pub(crate) own: Option<usize>,
    /// A queue that was described in two ways.
    twice: Option<Cow<'static, str>>,
    /// A setting that two processors have otherwise.
    differing: Option<&'static str>,
}

/// What remembers the messages that were handled.
#[derive(Clone, Debug)]
pub(super) enum Dedup {
    /// A store of the service's own.
    Recent,
    Store(Arc<dyn DedupStore>),
    Off,
}

impl Dedup {
    pub(super) fn store(&self) -> Option<Arc<dyn DedupStore>> {
        match self {
            Self::Recent => Some(Arc::new(RecentMessages::default())),
            Self::Store(store) => Some(Arc::clone(store)),
            Self::Off => None,
        }
    }
}

impl Default for ServiceSetup {
    fn default() -> Self {
        Self::new()
    }
}

impl ServiceSetup {
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queues: Vec::new(),
            bindings: Vec::new(),
            prefetch: DEFAULT_PREFETCH,
            concurrency: None,
            retry: Retry::new(1),
            identity: None,
            dedup: Dedup::Recent,
            handler_time: DEFAULT_HANDLER_TIME,
            progress_every: DEFAULT_PROGRESS_EVERY,
            accepted_by_handlers: false,
            reply_to: ReplyTo::Anywhere,
            layers: None,
            quit: true,
            restart: true,
            traces: true,
            answers_from: None,
            own: None,
            twice: None,
            differing: None,
        }
    }

    /// One more queue.
    #[must_use]
    pub fn queue(mut self, queue: Queue) -> Self {
        self.place(queue);
        self
    }

    #[must_use]
    pub fn bind(self, exchange: Exchange, queue: Queue, key: impl Into<Cow<'static, str>>) -> Self {
        let binding = Binding::new(exchange, queue.name.clone(), key);
        self.bind_with(queue, binding)
    }

    #[must_use]
    pub fn bind_with(mut self, queue: Queue, mut binding: Binding) -> Self {
        binding.queue = queue.name.clone();
        let place = self.place(queue);
        self.bindings.push((place, binding));
        self
    }

    /// The place of the queue among the queues. Each one that the broker names is another; any
    /// other name has one description.
    fn place(&mut self, queue: Queue) -> usize {
        let same_name = |known: &Queue| known.name == queue.name && !queue.name.is_empty();
        if let Some(place) = self.queues.iter().position(same_name) {
            if self.queues[place] != queue {
                self.twice.get_or_insert(queue.name);
            }
            return place;
        }
        self.queues.push(queue);
        self.queues.len() - 1
    }

    #[must_use]
    pub const fn prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch;
        self
    }

    #[must_use]
    pub const fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = Some(handlers);
        self
    }

    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Whether a message that comes again under its id is passed over.
    #[must_use]
    pub fn dedup(mut self, on: bool) -> Self {
        self.dedup = if on { Dedup::Recent } else { Dedup::Off };
        self
    }

    #[must_use]
    pub const fn quit(mut self, quit: bool) -> Self {
        self.quit = quit;
        self
    }

    #[must_use]
    pub const fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Whether callers are told the traces and the modules of what went wrong.
    #[must_use]
    pub const fn traces(mut self, traces: bool) -> Self {
        self.traces = traces;
        self
    }

    /// Takes up the queues of one more processor, and the settings that its attributes make.
    pub(super) fn merge(&mut self, other: Self) {
        let places: Vec<usize> = other.queues.into_iter().map(|queue| self.place(queue)).collect();
        let bindings = other.bindings.into_iter();
        self.bindings.extend(bindings.map(|(place, binding)| (places[place], binding)));

        let unset = Self::new();
        let dedup = matches!(other.dedup, Dedup::Off) || matches!(self.dedup, Dedup::Off);
        let agreed = [
            ("prefetch", agree(&mut self.prefetch, other.prefetch, &unset.prefetch)),
            ("concurrency", agree(&mut self.concurrency, other.concurrency, &unset.concurrency)),
            ("retry", agree(&mut self.retry, other.retry, &unset.retry)),
            ("quit", agree(&mut self.quit, other.quit, &unset.quit)),
            ("restart", agree(&mut self.restart, other.restart, &unset.restart)),
            ("traces", agree(&mut self.traces, other.traces, &unset.traces)),
            ("dedup", !(dedup && matches!(self.dedup, Dedup::Store(_)))),
        ];
        if dedup {
            self.dedup = Dedup::Off;
        }
        let differing = agreed.into_iter().find(|(_, agreed)| !agreed);
        self.differing = self.differing.or(differing.map(|(setting, _)| setting));
    }

    /// What the description of a service has against it.
    pub(crate) fn check(&self, service: &str) -> Result<(), ServeError> {
        let service = service.to_owned();
        if let Some(queue) = &self.twice {
            return Err(ServeError::QueueTwice { service, queue: queue.to_string() });
        }
        match self.differing {
            Some(setting) => Err(ServeError::SettingTwice { service, setting }),
            None => Ok(()),
        }
    }

    /// How many unsettled messages each queue may have out.
    pub(super) const fn most_out(&self) -> u16 {
        if self.prefetch == 0 { MOST_OUT } else { self.prefetch }
    }

    /// How many handlers may run at once: as many as messages may be out, unless set.
    pub(super) fn handlers_at_once(&self) -> usize {
        let out = match self.prefetch {
            0 => usize::from(MOST_OUT),
            prefetch => usize::from(prefetch) * self.queues.len().max(1),
        };
        self.concurrency.unwrap_or(out).clamp(1, tokio::sync::Semaphore::MAX_PERMITS)
    }
}

/// Whether two processors agree on a setting: one that is not set agrees with any.
fn agree<T: PartialEq>(mine: &mut T, theirs: T, unset: &T) -> bool {
    if *mine == *unset {
        *mine = theirs;
        return true;
    }
    theirs == *unset || theirs == *mine
}
