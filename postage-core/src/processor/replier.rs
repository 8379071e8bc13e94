use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, timeout_at};

use super::Causes;
use super::dedup::Answer;
use super::held::Held;
use super::lasting::{self, Lasting};
use super::outcome::Outcome;
use super::seldom::Seldom;
use super::within::within;
use crate::error::SendError;
use crate::headers;
use crate::limits::SEND_WITHIN;
use crate::message::{
    Codec, Details, EncodeError, Envelope, INCOMPATIBLE, RemoteException, Reserved, ResultContent,
    WAS_REJECTED, encode_success,
};
use crate::topology::Route;
use crate::transport::{Properties, Publication, SharedText, TransportError};

/// How a request is answered, and what it was answered.
#[derive(Debug)]
pub(super) struct Replies {
    /// The codec that the request came in.
    codec: Arc<dyn Codec>,
    /// What is said of an answer that lasts, where the request wants one.
    lasting: Option<Box<Lasting>>,
    replied: AtomicBool,
    raised: AtomicBool,
    /// What becomes of the request since its answer, which is to last, could not be sent.
    owed: Seldom<Outcome>,
    /// What was answered first.
    answer: OnceLock<Answer>,
}

impl Replies {
    /// The replies to a request. `service` is a name that no other service has.
    pub(super) fn of(codec: Arc<dyn Codec>, request: &Properties, service: &str) -> Self {
        Self {
            codec,
            lasting: Lasting::of(request, service).map(Box::new),
            replied: AtomicBool::new(false),
            raised: AtomicBool::new(false),
            owed: Seldom::default(),
            answer: OnceLock::new(),
        }
    }
}

/// The application that an answer comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Its own.
    pub(crate) address: String,
    /// Which of its starts it is.
    pub(crate) start: String,
}

/// Where a request is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Address {
    pub(super) reply_to: String,
    pub(super) correlation_id: Option<String>,
}

impl Address {
    /// Nothing, where the request wants no answer.
    pub(super) fn of(request: &Properties) -> Option<Self> {
        let reply_to = request.reply_to.as_ref()?.to_string();
        let correlation_id = request.correlation_id.as_ref().map(ToString::to_string);
        Some(Self { reply_to, correlation_id })
    }
}

/// A reply before it is sent.
#[derive(Debug)]
pub struct Prepared(Result<Ready, EncodeError>);

#[derive(Debug)]
enum Ready {
    /// A value, as it travels.
    Value(Vec<u8>),
    Error(Box<Documented>),
}

/// A documented error.
#[derive(Debug)]
struct Documented {
    text: String,
    form: Box<RawValue>,
    details: Details,
}

impl Prepared {
    /// Of a documented error: its text, its typed form, and what else there is to say of it.
    pub(crate) fn error(text: String, form: Box<RawValue>, details: Details) -> Self {
        Self(Ok(Ready::Error(Box::new(Documented { text, form, details }))))
    }
}

/// The way back to whoever sent it.
impl Held {
    /// Whether the answer must be with the broker before the request is settled.
    pub(super) const fn lasts(&self) -> bool {
        self.replies.lasting.is_some()
    }

    /// What becomes of the request where the broker does not have its answer, and should.
    pub(super) fn owed(&self) -> Option<Outcome> {
        self.replies.owed.take()
    }

    /// Whether anything was replied.
    pub(super) fn has_replied(&self) -> bool {
        self.replies.replied.load(Ordering::Acquire)
    }

    /// Whether an exception was replied.
    pub(super) fn has_raised(&self) -> bool {
        self.replies.raised.load(Ordering::Acquire)
    }

    /// The reply that a value makes.
    pub(super) fn value(value: impl Serialize) -> Prepared {
        Prepared(encode_success(&value).map(Ready::Value))
    }

    /// The reply that a documented error makes: its text for every peer, its typed form for those
    /// that share the type.
    pub(super) fn documented<E: Serialize + std::fmt::Display>(
        error: &E,
        causes: Causes<E>,
    ) -> Prepared {
        let text = error.to_string();
        match to_raw_value(error) {
            Ok(form) => Prepared::error(text, form, Details::of_error::<E>(causes(error))),
            Err(failure) => Prepared(Err(EncodeError::Content {
                name: format!("the documented error `{text}`"),
                reason: failure.to_string(),
            })),
        }
    }

    /// Replies what was prepared. Each handler's future has room for this one: what it needs not
    /// while it waits is done before.
    pub(super) async fn reply(&self, reply: Prepared) -> Result<(), SendError> {
        let answer = self.sealed(reply)?;
        self.send(answer).await
    }

    fn sealed(&self, reply: Prepared) -> Result<Option<Answer>, EncodeError> {
        match reply.0? {
            Ready::Value(json) => self.seal(json),
            Ready::Error(error) => {
                let Documented { text, form, details } = *error;
                self.failure(&Envelope::error(text), Some(&form), details)
            }
        }
    }

    pub(super) async fn exception(&self, raised: Box<RemoteException>) -> Result<(), SendError> {
        self.replies.raised.store(true, Ordering::Release);
        let answer = self.raising(*raised)?;
        self.send(answer).await
    }

    fn raising(&self, raised: RemoteException) -> Result<Option<Answer>, EncodeError> {
        let (result, details) = raised.into_result();
        self.failure(&result, None, details)
    }

    /// That the handler declined the call: an exception to any peer, with a mark for ours.
    pub(super) async fn rejection(&self, reason: &str) -> Result<(), SendError> {
        let mark = Reserved { rejected: Some(true), ..Reserved::default() };
        self.marked(WAS_REJECTED, reason, &mark).await
    }

    /// That the call is of another contract: an exception to any peer, with a mark for ours.
    pub(super) async fn incompatible(&self, reason: &str) -> Result<(), SendError> {
        let mark = Reserved { incompatible: Some(true), ..Reserved::default() };
        self.marked(INCOMPATIBLE, reason, &mark).await
    }

    async fn marked(&self, name: &str, text: &str, mark: &Reserved<'_>) -> Result<(), SendError> {
        self.replies.raised.store(true, Ordering::Release);
        let json = encode(&Envelope::exception(name, text), mark)?;
        self.send(self.seal(json)?).await
    }

    /// The answer that tells what went wrong, with its details unless they are too much for a body:
    /// the caller is to know at least that.
    fn failure(
        &self,
        result: &Envelope<ResultContent<()>>,
        error: Option<&RawValue>,
        details: Details,
    ) -> Result<Option<Answer>, EncodeError> {
        let details = if self.service.traces { details } else { details.without_traces() };
        let plain = Reserved { error, ..Reserved::default() };
        if !details.is_empty() {
            let detailed = Reserved { error, exception: Some(&details), ..Reserved::default() };
            match encode(result, &detailed).and_then(|json| self.seal(json)) {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    tracing::warn!(%error, "the details of an exception or an error are not sent");
                }
            }
        }
        self.seal(encode(result, &plain)?)
    }

    /// What was answered, to be remembered.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.replies.answer.get().cloned()
    }

    /// Answers as before.
    pub(super) async fn answer_again(&self, answer: Answer) -> Result<(), SendError> {
        self.publish(answer).await
    }

    /// The answer that this is, where somebody wants one.
    fn seal(&self, json: Vec<u8>) -> Result<Option<Answer>, EncodeError> {
        if self.context.properties.reply_to.is_none() {
            return Ok(None);
        }
        let codec = &self.replies.codec;
        let sealed = self.service.link.seal(&**codec, json);
        let body = sealed.map_err(|error| EncodeError::Codec {
            name: "a reply".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Some(Answer { content_type: codec.content_type().into(), body }))
    }

    async fn send(&self, answer: Option<Answer>) -> Result<(), SendError> {
        let Some(answer) = answer else {
            self.replies.replied.store(true, Ordering::Release);
            tracing::debug!("a request without a reply address was answered to nobody");
            return Ok(());
        };
        drop(self.replies.answer.set(answer.clone()));
        if let Some(report) = &self.context.report {
            report.answered(answer.clone());
        }
        self.replies.replied.store(true, Ordering::Release);
        self.publish(answer).await
    }

    /// Publishes to the reply queue. It is not confirmed, unless it is to last: a caller whose reply is
    /// lost asks again, and one that has left has taken its queue along.
    async fn publish(&self, answer: Answer) -> Result<(), SendError> {
        let Some(reply_to) = &self.context.properties.reply_to else { return Ok(()) };
        let reply = self.publication(answer, reply_to);
        let sent = if self.lasts() || self.context.report.is_some() {
            Box::pin(self.publish_last(reply)).await
        } else {
            within(SEND_WITHIN, pin!(self.service.link.publish(reply))).await
        };
        // A broker that takes no messages for now shall not hold the handler's place for ever.
        let sent = sent.map_or_else(|| Err(timed_out(reply_to)), |sent| sent.map_err(Into::into));
        if let Some(lasting) = &self.replies.lasting {
            let owed = sent.as_ref().err().and_then(|error| lasting.owed(reply_to, error));
            self.replies.owed.set(owed);
        }
        sent
    }

    fn publication(&self, answer: Answer, reply_to: &SharedText) -> Publication {
        let mut properties = Properties {
            content_type: Some(answer.content_type),
            correlation_id: self.context.properties.correlation_id.clone(),
            ..Properties::default()
        };
        if let Some(Origin { address, start }) = self.service.answers_from.as_deref() {
            properties.app_id = Some(address.clone().into());
            properties.set_header(headers::START, start.clone());
        }
        if let Some(lasting) = &self.replies.lasting {
            lasting.mark(&mut properties);
        }
        let lasts = self.lasts();
        let reply = Publication::new(Route::to_queue(reply_to.clone()), properties, answer.body);
        reply.mandatory(lasts).confirm(lasts)
    }

    /// Publishes an answer after all that its caller is told before it, and until the broker has it
    /// where it is to last; nothing where the time is up.
    async fn publish_last(&self, reply: Publication) -> Option<Result<(), TransportError>> {
        let until = Instant::now() + SEND_WITHIN;
        if let Some(report) = &self.context.report
            && timeout_at(until, report.finish()).await.is_err()
        {
            report.stop();
        }
        let link = &self.service.link;
        let sent = async {
            if self.lasts() {
                lasting::publish(link, reply).await
            } else {
                link.publish(reply).await
            }
        };
        timeout_at(until, sent).await.ok()
    }
}

fn timed_out(reply_to: &SharedText) -> SendError {
    SendError::TimedOut { route: Route::to_queue(reply_to.clone()), waited: SEND_WITHIN }
}

/// Results carry no fingerprint: it is `{}` on the wire.
fn encode<V: Serialize>(
    result: &Envelope<ResultContent<V>>,
    reserved: &Reserved<'_>,
) -> Result<Vec<u8>, EncodeError> {
    let nobody: &RawValue = serde_json::from_str("{}")
        .map_err(|failure| EncodeError::Fingerprint { reason: failure.to_string() })?;
    result.encode(nobody, reserved)
}
