//! A call under way: sent, waited for, and sent again under the same id until its time is up.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::options::{Outgoing, at_least_a_millisecond};
use super::replies::{Replies, ReplyAddress};
use crate::contract::Peer;
use crate::error::CallFault;
use crate::headers;
use crate::topology::{Exchange, Route};
use crate::transport::Delivery;

/// A call that is made and not yet sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) outgoing: Outgoing,
    pub(crate) replies: std::sync::Arc<Replies>,
    pub(crate) timeout: Duration,
    pub(crate) max_retry: u32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) peer: Peer,
}

/// A call whose first attempt is out.
#[derive(Debug)]
pub(crate) struct Pending {
    request: Request,
    body: Bytes,
    exchange: Exchange,
    key: Cow<'static, str>,
    id: String,
    address: ReplyAddress,
    uncorrelated_before: u64,
    started: Instant,
    attempt: u32,
    attempt_ends: Instant,
}

impl Request {
    /// Opens the reply address and sends the first attempt.
    pub(crate) async fn start(self) -> Result<Pending, CallFault> {
        let body = self.outgoing.body()?;
        let targets = self.outgoing.targets();
        let (exchange, key) = targets.into_iter().next().ok_or(CallFault::NoRoute)?;
        let exchange = exchange.clone();
        let id = Uuid::new_v4().to_string();
        let started = Instant::now();
        let opened =
            timeout_at(self.opening_ends(started), self.replies.open(&id, self.peer)).await;
        let address = opened.map_err(|_| CallFault::TimedOut {
            route: Route::new(exchange.name.clone(), key.clone()),
            attempts: 0,
            waited: started.elapsed(),
            uncorrelated: 0,
        })??;
        let mut pending = Pending {
            uncorrelated_before: self.replies.uncorrelated(),
            request: self,
            body,
            exchange,
            key,
            id,
            address,
            started,
            attempt: 0,
            attempt_ends: started,
        };
        pending.send().await?;
        Ok(pending)
    }

    fn opening_ends(&self, started: Instant) -> Instant {
        after(started, self.deadline.map_or(self.timeout, |deadline| deadline.min(self.timeout)))
    }
}

impl Pending {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn reply_to(&self) -> &str {
        &self.address.reply_to
    }

    /// Waits for the reply, sending the request again when an attempt's time is up.
    pub(crate) async fn finish(mut self) -> Result<Delivery, CallFault> {
        loop {
            if let Ok(reply) = timeout_at(self.attempt_ends, self.address.reply()).await {
                return Ok(reply?);
            }
            let spent = self.attempt > self.request.max_retry;
            if spent || self.deadline().is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(self.timed_out());
            }
            self.send().await?;
        }
    }

    /// One attempt. It may take as long as its answer may; the answer's time begins with it.
    async fn send(&mut self) -> Result<(), CallFault> {
        let now = Instant::now();
        self.attempt += 1;
        let ends = after(now, self.request.timeout);
        self.attempt_ends = self.deadline().map_or(ends, |deadline| ends.min(deadline));
        let left = at_least_a_millisecond(self.attempt_ends - now);

        let mut properties = self.request.outgoing.properties.clone();
        properties.message_id = Some(self.id.clone().into());
        properties.correlation_id = Some(self.id.clone().into());
        properties.reply_to = Some(self.address.reply_to.clone().into());
        properties.expiration = Some(left);
        properties.set_header(headers::DEADLINE, unix_millis(left));
        properties.set_header(headers::ATTEMPT, i64::from(self.attempt));

        let sent = self.request.outgoing.publish_to(
            &self.exchange,
            self.key.clone(),
            self.body.clone(),
            properties,
        );
        match timeout_at(self.attempt_ends, sent).await {
            Ok(sent) => Ok(sent?),
            // The broker is slow to confirm; the answer's own wait decides what comes next.
            Err(_) => Ok(()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.request.deadline.map(|deadline| after(self.started, deadline))
    }

    fn timed_out(&self) -> CallFault {
        CallFault::TimedOut {
            route: Route::new(self.exchange.name.clone(), self.key.clone()),
            attempts: self.attempt,
            waited: self.started.elapsed(),
            uncorrelated: self.request.replies.uncorrelated() - self.uncorrelated_before,
        }
    }
}

/// As long as a wait can be: the clocks of some systems end not much later.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

fn after(start: Instant, time: Duration) -> Instant {
    start + time.min(LONGEST)
}

/// The wall-clock time after this long, in milliseconds since the Unix epoch.
fn unix_millis(left: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_add(left).as_millis()).unwrap_or(i64::MAX)
}
