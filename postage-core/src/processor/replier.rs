use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio::time::{Instant, timeout_at};

use super::dedup::Answer;
use super::lasting::{self, Lasting};
use super::report::Report;
use crate::error::SendError;
use crate::headers;
use crate::limits::SEND_WITHIN;
use crate::link::Link;
use crate::message::{Codec, EncodeError, Envelope, Reserved, ResultContent, WAS_REJECTED};
use crate::topology::Route;
use crate::transport::{Properties, Publication};

/// The way back to the caller of one request.
#[derive(Debug)]
pub(super) struct Replier {
    link: Arc<Link>,
    codec: Arc<dyn Codec>,
    to: Option<Address>,
    /// What is said of an answer that lasts, where the request wants one.
    lasting: Option<Lasting>,
    /// The application that answers.
    from: Option<Arc<Origin>>,
    /// What the caller is told before the answer.
    report: Option<Arc<Report>>,
    replied: AtomicBool,
    raised: AtomicBool,
    /// What was answered first.
    answer: OnceLock<Answer>,
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
pub struct Prepared(Result<Vec<u8>, EncodeError>);

impl Replier {
    /// The reply goes where the request's properties say, in the codec that the request came in.
    pub(super) fn new(
        link: Arc<Link>,
        codec: Arc<dyn Codec>,
        request: &Properties,
        lasting: Option<Lasting>,
        from: Option<Arc<Origin>>,
        report: Option<Arc<Report>>,
    ) -> Self {
        Self {
            link,
            codec,
            to: Address::of(request),
            lasting,
            from,
            report,
            replied: AtomicBool::new(false),
            raised: AtomicBool::new(false),
            answer: OnceLock::new(),
        }
    }

    /// Whether the answer must be with the broker before the request is settled.
    pub(super) const fn lasts(&self) -> bool {
        self.lasting.is_some()
    }

    /// Whether anything was replied.
    pub(super) fn has_replied(&self) -> bool {
        self.replied.load(Ordering::Acquire)
    }

    /// Whether an exception was replied.
    pub(super) fn has_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    pub(super) async fn success(&self, value: impl Serialize) -> Result<(), SendError> {
        self.prepared(Self::value(value)).await
    }

    /// A documented error: its text for every peer, its typed form for those that share the type.
    pub(super) async fn error<E: Serialize + std::fmt::Display>(
        &self,
        error: &E,
    ) -> Result<(), SendError> {
        self.prepared(Self::documented(error)).await
    }

    /// The reply that a value makes.
    pub(super) fn value(value: impl Serialize) -> Prepared {
        Prepared(encode(&Envelope::success(value), &Reserved::default()))
    }

    /// The reply that a documented error makes.
    pub(super) fn documented<E: Serialize + std::fmt::Display>(error: &E) -> Prepared {
        let payload = to_raw_value(error).map_err(|failure| EncodeError::Content {
            name: format!("the documented error `{error}`"),
            reason: failure.to_string(),
        });
        let envelope = Envelope::error(error.to_string());
        Prepared(payload.and_then(|payload| {
            encode(&envelope, &Reserved { error: Some(&payload), ..Reserved::default() })
        }))
    }

    pub(super) async fn prepared(&self, reply: Prepared) -> Result<(), SendError> {
        self.send(reply.0?).await
    }

    pub(super) async fn exception(&self, name: &str, text: &str) -> Result<(), SendError> {
        self.raised.store(true, Ordering::Release);
        self.send(encode(&Envelope::exception(name, text), &Reserved::default())?).await
    }

    /// That the handler declined the call: an exception to any peer, with a mark for ours.
    pub(super) async fn rejection(&self, reason: &str) -> Result<(), SendError> {
        self.raised.store(true, Ordering::Release);
        let rejected = Reserved { rejected: Some(true), ..Reserved::default() };
        self.send(encode(&Envelope::exception(WAS_REJECTED, reason), &rejected)?).await
    }

    /// What was answered, to be remembered.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answer.get().cloned()
    }

    /// Answers as before.
    pub(super) async fn answer_again(&self, answer: Answer) -> Result<(), SendError> {
        self.publish(answer).await
    }

    async fn send(&self, json: Vec<u8>) -> Result<(), SendError> {
        if self.to.is_none() {
            self.replied.store(true, Ordering::Release);
            tracing::debug!("a request without a reply address was answered to nobody");
            return Ok(());
        }
        let sealed = self.link.seal(&*self.codec, json);
        let body = sealed.map_err(|error| EncodeError::Codec {
            name: "a reply".to_owned(),
            reason: error.to_string(),
        })?;
        let answer = Answer { content_type: self.codec.content_type().to_owned(), body };
        drop(self.answer.set(answer.clone()));
        if let Some(report) = &self.report {
            report.answered(answer.clone());
        }
        self.replied.store(true, Ordering::Release);
        self.publish(answer).await
    }

    /// Publishes to the reply queue. It is not confirmed, unless it is to last: a caller whose reply is
    /// lost asks again, and one that has left has taken its queue along.
    async fn publish(&self, answer: Answer) -> Result<(), SendError> {
        let Some(to) = &self.to else { return Ok(()) };
        // A broker that takes no messages for now shall not hold the handler's place for ever.
        let until = Instant::now() + SEND_WITHIN;
        if let Some(report) = &self.report
            && timeout_at(until, report.finish()).await.is_err()
        {
            report.stop();
        }
        let mut properties = Properties {
            content_type: Some(answer.content_type.into()),
            correlation_id: to.correlation_id.clone().map(Into::into),
            ..Properties::default()
        };
        if let Some(Origin { address, start }) = self.from.as_deref() {
            properties.app_id = Some(address.clone().into());
            properties.set_header(headers::START, start.clone());
        }
        if let Some(lasting) = &self.lasting {
            lasting.mark(&mut properties);
        }
        let route = Route::to_queue(to.reply_to.clone());
        let lasts = self.lasts();
        let reply = Publication::new(route.clone(), properties, answer.body);
        let reply = reply.mandatory(lasts).confirm(lasts);
        let sent = async {
            if lasts {
                lasting::publish(&self.link, reply).await
            } else {
                self.link.publish(reply).await
            }
        };
        match timeout_at(until, sent).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(SendError::TimedOut { route, waited: SEND_WITHIN }),
        }
    }
}

/// Results carry no fingerprint: it is `{}` on the wire.
fn encode<V: Serialize>(
    result: &Envelope<ResultContent<V>>,
    reserved: &Reserved<'_>,
) -> Result<Vec<u8>, EncodeError> {
    #[derive(Serialize)]
    struct Nobody {}
    let nobody = to_raw_value(&Nobody {})
        .map_err(|failure| EncodeError::Fingerprint { reason: failure.to_string() })?;
    result.encode(&nobody, reserved)
}
