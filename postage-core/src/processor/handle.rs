//! One delivery: open it, claim its id, have it dispatched, settle it. Nothing that a peer sends gets
//! out of here as a panic.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Outcome;
use super::context::{Context, deadline};
use super::dedup::{Claim, Claimed};
use super::held::Held;
use super::reports::Entered;
use super::request::Request;
use super::service::Service;
use super::settle::{Failure, Verdict};
use super::sources::ServedQueue;
use super::taken::{Taken, copy_id};
use super::turn::Turn;
use crate::headers;
use crate::message::{Codec, CodecError, JsonCodec};
use crate::telemetry::InFlight;
use crate::topology::FieldValue;
use crate::transport::{BoxFuture, Properties};

/// What is to be done with a message that is not to be handled.
enum Instead {
    /// The dead letters have not taken it before.
    Bury(Failure),
    Settle(Outcome),
    /// Its body is none, for this reason.
    Tell(String),
}

/// What seldom happens is in a box of its own here, and in all that this calls: the future of each
/// message has room for the rest, and is moved about.
impl Service {
    /// Handles a message of this queue. It may give up its place to others meanwhile. The answer is
    /// whether the queue was to be left by its end.
    pub(super) async fn handle(
        self: &Arc<Self>,
        queue: &ServedQueue,
        mut taken: Box<Taken>,
        place: OwnedSemaphorePermit,
        _in_flight: InFlight,
    ) -> bool {
        let mut turn = Turn::new(place);
        let (held, instead) = self.begin(queue, &mut taken);
        let verdict = match instead {
            None => self.read(queue, &held, taken.since, &mut turn).await,
            Some(instead) => match *instead {
                Instead::Settle(outcome) => outcome.into(),
                Instead::Tell(reason) => Box::pin(malformed(&held, &reason)).await.into(),
                Instead::Bury(failure) => {
                    let buried = self.bury_again(queue, taken, &held, failure, &mut turn);
                    Box::pin(buried).await;
                    return self.is_leaving(queue);
                }
            },
        };
        self.settle(queue, taken, &held, verdict, &mut turn).await;
        self.is_leaving(queue)
    }

    fn is_leaving(&self, queue: &ServedQueue) -> bool {
        self.control.is_stopping() || queue.is_released()
    }

    /// Looks at a message, and opens it where it is to be read.
    fn begin(
        self: &Arc<Self>,
        queue: &ServedQueue,
        taken: &mut Taken,
    ) -> (Arc<Held>, Option<Box<Instead>>) {
        let (codec, json, instead) = match self.opened(queue, taken) {
            Ok((codec, json)) => (codec, json, None),
            Err(instead) => (Arc::new(JsonCodec) as _, Bytes::new(), Some(Box::new(instead))),
        };
        (Arc::new(Held::new(self, queue, taken, codec, json)), instead)
    }

    fn opened(
        &self,
        queue: &ServedQueue,
        taken: &Taken,
    ) -> Result<(Arc<dyn Codec>, Bytes), Instead> {
        let delivery = &taken.delivery;
        if let Some(failure) = Failure::kept(delivery, queue) {
            return Err(Instead::Bury(failure));
        }
        if let Some(late) = late(&delivery.properties, taken.since) {
            return Err(Instead::Settle(late));
        }
        if let Some(address) = &delivery.properties.reply_to
            && !self.reply_to.allows(address)
        {
            let text = format!("the reply address `{address}` is no reply queue");
            return Err(Instead::Settle(Outcome::reject(text)));
        }
        let opened = catch_unwind(AssertUnwindSafe(|| self.link.open(delivery)));
        let opened = opened.unwrap_or_else(|_| Err(CodecError::new("the codec panicked")));
        match opened {
            Ok((codec, json)) => Ok((Arc::clone(codec), json)),
            Err(error) => Err(Instead::Tell(error.to_string())),
        }
    }

    async fn read<'s>(
        &'s self,
        queue: &ServedQueue,
        held: &Arc<Held>,
        since: Instant,
        turn: &mut Turn,
    ) -> Verdict<'s> {
        let message = match held.context.message() {
            Ok(message) => message,
            Err(error) => {
                return Box::pin(malformed(held, &error.to_string())).await.into();
            }
        };
        let request = Request::new(&message, held);
        let mut verdict = match self.claim(queue, &request, since, turn).await {
            Ok((claimed, _copy)) => self.dispatch(&request).await.claimed(claimed),
            Err(outcome) => outcome.into(),
        };
        if verdict.outcome == Outcome::Done
            && let Some(owed) = held.owed()
        {
            verdict.outcome = owed;
        }
        verdict
    }

    /// Claims a message's id. What is not to be handled is the error: where one of its id was handled
    /// before, a caller is answered as then.
    async fn claim<'s: 'r, 'r>(
        &'s self,
        queue: &ServedQueue,
        request: &Request<'r>,
        since: Instant,
        turn: &mut Turn,
    ) -> Result<(Option<Claimed<'s>>, Option<Box<Entered<'r>>>), Outcome> {
        let context = request.context();
        let (Some(store), Some(id)) = (&self.dedup, context.message_id()) else {
            return Ok((None, None));
        };
        let id = copy_id(&queue.id, id).into_boxed_str();
        let report = context.report.as_ref();
        let copy = report.map(|report| Box::new(self.reports.enter(&id, report)));
        let claim = match store.try_claim(&id) {
            Some(claim) => claim,
            None => Box::pin(claim_later(store.claim(&id), copy.as_deref(), turn)).await,
        };
        match claim {
            Claim::New => {
                if let Some(copy) = &copy {
                    copy.works();
                }
                let claimed = Claimed::new(&**store, id);
                if self.control.is_over() {
                    // One of its id may have been cut off just now, and so is this, at once.
                    return pending().await;
                }
                if turn.is_given_up() {
                    Box::pin(turn.take()).await;
                    // It has waited for the end of another under its id.
                    if let Some(late) = late(&context.properties, since) {
                        return Err(late);
                    }
                }
                Ok((Some(claimed), copy))
            }
            Claim::Handled(None) => {
                self.passes_over(context);
                Err(Outcome::Done)
            }
            Claim::Handled(Some(answer)) => {
                self.passes_over(context);
                Err(request.sent(Box::pin(request.held().answer_again(answer)).await))
            }
        }
    }

    fn passes_over(&self, context: &Context) {
        tracing::debug!(
            service = &*self.name,
            message_id = context.message_id(),
            "a message of this id was handled before, and is not handled again"
        );
    }
}

/// What becomes of a message that has waited for longer than it may, if it has: nobody waits for it
/// any more. The broker's own clock for it stopped when it was delivered. A signal knows when it must
/// be here, wherever it has waited.
fn late(properties: &Properties, since: Instant) -> Option<Outcome> {
    let expired = properties.expiration.is_some_and(|expiration| since.elapsed() >= expiration);
    let signal = properties.header(headers::SIGNAL) == Some(&FieldValue::Bool(true));
    if signal && (expired || deadline(properties).is_some_and(|end| end <= SystemTime::now())) {
        return Some(Outcome::Drop { reason: "the signal would have been late".to_owned() });
    }
    expired.then(|| Outcome::reject("its time was up before a handler was free"))
}

/// Claims an id that another handler has, or a store elsewhere. Others need not wait for that one
/// too: the prefetch bounds how many do. Nor need the caller of a long call, once that one has
/// answered.
async fn claim_later(
    mut claiming: BoxFuture<'_, Claim>,
    copy: Option<&Entered<'_>>,
    turn: &mut Turn,
) -> Claim {
    if let Some(claim) = (&mut claiming).now_or_never() {
        return claim;
    }
    turn.give_up();
    let Some(copy) = copy else { return claiming.await };
    tokio::select! {
        biased;
        claim = claiming => claim,
        answer = copy.answered_early() => Claim::Handled(Some(answer)),
    }
}

/// A body that is no message. One that asks for an answer gets an exception.
async fn malformed(held: &Held, reason: &str) -> Outcome {
    if held.context.properties.reply_to.is_some()
        && let Err(error) = held.exception(Box::new(("MalformedMessage", reason).into())).await
    {
        tracing::warn!(%error, "an exception could not be sent to the caller");
    }
    Outcome::reject(format_args!("MalformedMessage: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<'a, F: Future>(
        _: impl Fn(&'a Arc<Service>, &'a ServedQueue, Box<Taken>, OwnedSemaphorePermit, InFlight) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_message_is_small() {
        // It is moved about, and each task has room for one.
        let size = size(Service::handle);
        assert!(size <= 768, "{size} bytes");
        let held = size_of::<Held>();
        assert!(held <= 768, "{held} bytes");
    }
}
