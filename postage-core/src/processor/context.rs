use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::Outcome;
use super::ending::Ending;
use super::history::History;
use super::report::Report;
use super::seldom::Seldom;
use super::serving::Control;
use crate::headers;
use crate::message::{Fingerprint, Message, MessageError, read_data};
use crate::topology::{FieldValue, Route};
use crate::transport::{Headers, Properties};

/// What a handler can know of the message that it handles: a handler asks for it by a parameter
/// `#[context] cx: &Context`.
#[derive(Debug)]
pub struct Context {
    pub(super) properties: Properties,
    pub(super) history: History,
    redelivered: bool,
    pub(super) body: Bytes,
    pub(super) control: Option<Arc<Control>>,
    rejected: Seldom<String>,
    /// What the caller is told before the answer, where it asked for that.
    pub(super) report: Option<Arc<Report>>,
    /// What the handler that runs said last, if it ended the message by that.
    pub(super) ending: Seldom<Ending>,
    /// By what the handler hears that its caller leaves, once it has asked.
    pub(super) cancellation: OnceLock<CancellationToken>,
}

impl Context {
    pub(super) fn new(
        properties: Properties,
        history: History,
        redelivered: bool,
        body: Bytes,
        control: Arc<Control>,
        report: Option<Arc<Report>>,
    ) -> Self {
        Self {
            properties,
            history,
            redelivered,
            body,
            control: Some(control),
            rejected: Seldom::default(),
            report,
            ending: Seldom::default(),
            cancellation: OnceLock::new(),
        }
    }

    /// The context of a handler that is called directly, with no message: it has no properties,
    /// no deadline, and nothing to stop.
    #[must_use]
    pub fn detached() -> Self {
        Self {
            properties: Properties::default(),
            history: History { failures: 0, route: Route::new("", "") },
            redelivered: false,
            body: Bytes::new(),
            control: None,
            rejected: Seldom::default(),
            report: None,
            ending: Seldom::default(),
            cancellation: OnceLock::new(),
        }
    }

    /// The whole message.
    ///
    /// # Errors
    /// [`MessageError`] for a [`Context::detached`] one, which has none.
    pub fn message(&self) -> Result<Message<'_>, MessageError> {
        Message::from_json(&self.body)
    }

    /// Who sent the message, when it says so in the usual six texts.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.message().ok()?.fingerprint()
    }

    /// The exchange and key that the message was published with, also when it failed before and
    /// has waited for its next attempt since.
    #[must_use]
    pub const fn route(&self) -> &Route {
        &self.history.route
    }

    /// Whether the message was delivered before, and given back.
    #[must_use]
    pub const fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// The message's headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.properties.headers
    }

    /// The header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&FieldValue> {
        self.properties.header(name)
    }

    /// The message's own id; an empty one is none. A call keeps its id over its attempts.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.properties.id()
    }

    /// Which attempt of its call this request is, from 1; 1 where the caller does not say.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        let attempt = self.header(headers::ATTEMPT).and_then(FieldValue::as_int);
        attempt.and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or(1)
    }

    /// How often handling the message has failed before, in the queue that it comes from.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.history.failures
    }

    /// Which call an answer is of, at a [`#[reply_handler]`](macro@crate::reply_handler): the id that
    /// [`Call::answer_to`](crate::Call::answer_to) gave.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.properties.correlation_id.as_deref()
    }

    /// The caller's own data, given by [`Call::data`](crate::Call::data): at the service, and at a
    /// [`#[reply_handler]`](macro@crate::reply_handler), where it has come back with the answer.
    ///
    /// # Errors
    /// [`MessageError::WrongValue`] when it is of another type, or when there is none.
    pub fn data<D: DeserializeOwned>(&self) -> Result<D, MessageError> {
        read_data(self.header(headers::DATA).and_then(FieldValue::as_str))
    }

    /// When the caller stops waiting for this attempt, or the signal is late, by the sender's clock.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        deadline(&self.properties)
    }

    /// How long the caller still waits: zero when it has left, nothing when it does not say.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline()?;
        Some(deadline.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Rejects the message once its handlers have ended: it goes to the dead-letter exchange of
    /// its queue, where there is one. The first reason counts. Where a message has several handlers, the
    /// first that was not done with it decides: what a later one rejects, after one that failed, is tried
    /// again as that one's. The caller of a call hears nothing of it: to decline a call, there is
    /// [`Context::reject_call`].
    pub fn reject(&self, reason: impl Into<String>) {
        self.rejected.put(reason.into());
    }

    /// Stops the service: it takes no more messages, [`Serving::stopped`](crate::Serving::stopped)
    /// returns, and its owner says by [`Serving::drain`](crate::Serving::drain) how long the handlers that
    /// run may take yet.
    pub fn stop_service(&self) {
        if let Some(control) = &self.control {
            control.quit();
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.rejected.take().map_or(Outcome::Done, Outcome::reject)
    }
}

/// When a message is of no use any more, by its sender's clock.
pub(super) fn deadline(properties: &Properties) -> Option<SystemTime> {
    let millis = properties.header(headers::DEADLINE).and_then(FieldValue::as_int)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(millis).ok()?))
}
