//! A call under way: sent, waited for, and sent again under the same id, over losses of the
//! connection, until its time is up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::inbox::Inbox;
use super::leaving::{Guard, Staying};
use super::options::{Outgoing, as_text, at_least_a_millisecond, unix_millis};
use super::replies::{Replies, ReplyAddress};
use super::statuses::Statuses;
use crate::contract::Peer;
use crate::error::CallFault;
use crate::headers;
use crate::limits::{PendingCall, after};
use crate::link::{Link, UNTIL_SERVED_AGAIN};
use crate::telemetry;
use crate::topology::{Exchange, Route};
use crate::transport::{Delivery, TransportError};

/// A call that is made and not yet sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) outgoing: Outgoing,
    pub(crate) replies: Arc<Replies>,
    pub(crate) timeout: Duration,
    pub(crate) max_retry: u32,
    pub(crate) deadline: Option<Duration>,
    pub(crate) peer: Peer,
    /// Whether the service is told when the call is dropped.
    pub(crate) cancellable: bool,
    /// How often the service gives a sign of life, where that is wanted.
    pub(crate) heartbeat: Option<Duration>,
    /// Where the statuses are put, where there shall be some.
    pub(crate) statuses: Option<Arc<Statuses>>,
}

/// A call that has begun.
#[derive(Debug)]
pub(crate) struct Pending {
    request: Box<Request>,
    body: Bytes,
    exchange: Arc<Exchange>,
    route: Route,
    id: Uuid,
    /// Says that the call was given up, where that is wanted.
    guard: Option<Guard>,
    /// Whether it may be awaited much later, or by nobody: it ends when its awaiting does.
    detached: bool,
    /// Where the reply is awaited, and whether this attempt was sent with it.
    address: Option<ReplyAddress>,
    sent: bool,
    lost_before: bool,
    /// While no reply address is free for it: how many there are.
    crowded_out: Option<usize>,
    uncorrelated_before: u64,
    started: Instant,
    attempt: u32,
    attempt_ends: Instant,
    /// The time, as long as the attempt has not waited for anything.
    now: Option<Instant>,
    /// Its place among the pending calls.
    _place: PendingCall,
}

impl Request {
    /// Begins the call; nothing is sent yet.
    pub(crate) fn begin(mut self: Box<Self>) -> Result<Pending, CallFault> {
        let place = self.outgoing.link.limits.begin_call()?;
        let body = self.outgoing.take_body()?;
        let (exchange, route) = self.outgoing.targets().next().ok_or(CallFault::NoRoute)?;
        let exchange = Arc::clone(exchange);
        let (now, id) = (Instant::now(), Uuid::new_v4());
        let span = &self.outgoing.span;
        if !span.is_disabled() {
            let id = id.to_string();
            span.record("messaging.message.id", &*id);
            span.record("messaging.message.conversation_id", &*id);
        }
        let guard = self.cancellable.then(|| self.replies.guard(&id.to_string()));
        let mut pending = Pending {
            uncorrelated_before: self.replies.uncorrelated(),
            request: self,
            body,
            exchange,
            route,
            id,
            guard,
            detached: false,
            address: None,
            sent: false,
            lost_before: false,
            crowded_out: None,
            started: now,
            attempt: 0,
            attempt_ends: now,
            now: None,
            _place: place,
        };
        pending.begin_attempt(now);
        Ok(pending)
    }
}

impl Pending {
    pub(crate) const fn id(&self) -> Uuid {
        self.id
    }

    /// Sends the first attempt of a call that is awaited later. From then on the service need not be
    /// told when it is dropped, unless what is answered here says otherwise.
    pub(super) async fn start_detached(&mut self) -> Result<(String, Staying), CallFault> {
        self.detached = true;
        let reply_to = self.start().await?;
        let staying = self.staying();
        staying.set(true);
        Ok((reply_to, staying))
    }

    /// Whether the service is not told that the call is given up.
    fn staying(&self) -> Staying {
        self.guard.as_ref().map(|guard| guard.staying().clone()).unwrap_or_default()
    }

    /// Sends the first attempt, and answers the address that its reply will come to.
    pub(crate) async fn start(&mut self) -> Result<String, CallFault> {
        let sent = timeout_at(self.attempt_ends, self.send_over_losses()).await;
        sent.map_err(|_| self.out_of_time())??;
        Ok(self.address.as_ref().map(|address| address.reply_to.to_string()).unwrap_or_default())
    }

    /// The next reply to what was sent, of several. Cancel-safe.
    pub(crate) async fn next_reply(&mut self) -> Result<Box<Delivery>, CallFault> {
        match &mut self.address {
            Some(address) => Ok(address.inbox.reply().await?),
            None => Err(CallFault::NoRoute),
        }
    }

    pub(crate) const fn attempt_ends(&self) -> Instant {
        self.attempt_ends
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.request.outgoing.link
    }

    /// Waits for the reply, or until the service is silent where it should give signs of life.
    pub(crate) async fn finish(&mut self) -> Result<Box<Delivery>, CallFault> {
        let Request { heartbeat, statuses, .. } = &*self.request;
        let ended = match heartbeat.zip(statuses.clone()) {
            None => self.finish_attempts().await,
            Some((heartbeat, statuses)) => Box::pin(self.hear(heartbeat, &statuses)).await,
        };
        // Without an answer nobody waits for one any more, also where the call was detached.
        self.guard.iter().for_each(|guard| guard.staying().set(ended.is_ok()));
        ended
    }

    /// Waits for the reply, and for the service's signs of life meanwhile.
    async fn hear(
        &mut self,
        every: Duration,
        statuses: &Statuses,
    ) -> Result<Box<Delivery>, CallFault> {
        let route = self.route.clone();
        let link = Arc::clone(self.link());
        let silence = statuses.silence(every, || link.is_answered());
        tokio::select! {
            biased;
            ended = self.finish_attempts() => ended,
            silent = silence => Err(CallFault::Silent { route, silent }),
        }
    }

    /// Waits for the reply, sending the request again when an attempt's time is up.
    async fn finish_attempts(&mut self) -> Result<Box<Delivery>, CallFault> {
        loop {
            if let Ok(ended) = timeout_at(self.attempt_ends, self.ask_over_losses()).await {
                return ended;
            }
            let now = Instant::now();
            let spent = self.attempt > self.request.max_retry;
            if spent || self.deadline().is_some_and(|deadline| now >= deadline) {
                return Err(self.out_of_time());
            }
            self.warn_of_retry();
            telemetry::retried(&self.request.outgoing);
            self.begin_attempt(now);
            self.request.outgoing.span.record("postage.attempts", self.attempt);
        }
    }

    fn warn_of_retry(&self) {
        let (attempt, all) = (self.attempt, self.request.max_retry.saturating_add(1));
        // The loss of the connection is told once, and not for each call.
        if self.link().session() > 0 {
            tracing::warn!(
                exchange = self.route.exchange(),
                key = self.route.key(),
                "no answer to attempt {attempt} of {all}; sending the request again"
            );
        }
    }

    fn begin_attempt(&mut self, now: Instant) {
        self.attempt += 1;
        let ends = after(now, self.request.timeout);
        self.attempt_ends = self.deadline().map_or(ends, |deadline| ends.min(deadline));
        self.sent = false;
        self.now = Some(now);
        // A request that is delivered just before its end may wait at a service once more as long.
        let matters_until = after(self.attempt_ends, self.request.timeout);
        self.guard.iter_mut().for_each(|guard| guard.matters_until(matters_until));
    }

    /// Sends where that is still to be done, and waits for the reply. Cancel-safe: what was done
    /// is kept.
    async fn ask_over_losses(&mut self) -> Result<Box<Delivery>, CallFault> {
        loop {
            let session = self.link().session();
            let going_on = match self.ask_once().await {
                Ok(reply) => return Ok(reply),
                Err(error) => Box::pin(self.go_on_after(session, error)),
            };
            going_on.await?;
        }
    }

    /// Who has the reply need not be told that the broker has the request, so both are awaited at
    /// once.
    async fn ask_once(&mut self) -> Result<Box<Delivery>, TransportError> {
        if !self.sent {
            self.prepare().await?;
            let (inbox, sending) = self.sending()?;
            tokio::select! {
                biased;
                reply = inbox.reply() => return reply,
                sent = sending => sent?,
            }
            self.sent = true;
        }
        self.inbox()?.reply().await
    }

    async fn send_over_losses(&mut self) -> Result<(), CallFault> {
        while !self.sent {
            let session = self.link().session();
            match self.send().await {
                Ok(()) => self.sent = true,
                Err(error) => self.go_on_after(session, error).await?,
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), TransportError> {
        self.prepare().await?;
        self.sending()?.1.await
    }

    /// What was lost is given up, and the next connection awaited; any other error ends the call.
    async fn go_on_after(&mut self, session: u64, error: TransportError) -> Result<(), CallFault> {
        if self.lost_before && matches!(error, TransportError::Unroutable { .. }) {
            sleep(UNTIL_SERVED_AGAIN).await;
            return Ok(());
        }
        self.sent = false;
        self.lost_before = true;
        match error {
            TransportError::Disconnected { .. } => {
                self.address = None;
                self.request.statuses.iter().for_each(|statuses| statuses.lost());
                Ok(self.link().after_loss(session, error).await?)
            }
            // The reply queue was deleted under us: another one does as well.
            TransportError::ConsumerCancelled { .. } => {
                self.address = None;
                Ok(())
            }
            other => Err(other.into()),
        }
    }

    /// Opens the reply address where there is none, and dates the request.
    async fn prepare(&mut self) -> Result<(), TransportError> {
        if self.address.is_none() {
            let Request { replies, peer, statuses, .. } = &*self.request;
            self.address = replies.enter(self.id, *peer, statuses);
        }
        if self.address.is_none() {
            let Request { replies, peer, statuses, .. } = &*self.request;
            self.crowded_out = replies.is_full_for(*peer);
            // It may take its time, also where it fails.
            self.now = None;
            let opened = Box::pin(replies.open(self.id, *peer, statuses.clone())).await?;
            self.address = Some(opened);
            self.crowded_out = None;
        }
        self.date();
        Ok(())
    }

    /// Says in the request what of it is of this attempt.
    fn date(&mut self) {
        let now = self.now.take().unwrap_or_else(Instant::now);
        let left = at_least_a_millisecond(self.attempt_ends.saturating_duration_since(now));
        let told = self.guard.is_some() && !self.detached;
        let lasts = told.then(|| self.lasts(now).as_millis());
        let properties = &mut self.request.outgoing.properties;
        properties.expiration = Some(left);
        properties.set_header(headers::DEADLINE, unix_millis(left));
        properties.set_header(headers::ATTEMPT, i64::from(self.attempt));
        if let Some(millis) = lasts {
            properties.set_header(headers::LASTS, i64::try_from(millis).unwrap_or(i64::MAX));
        }
        properties.headers.share();
    }

    fn inbox(&mut self) -> Result<&mut Inbox, TransportError> {
        let address = self.address.as_mut().ok_or_else(no_address)?;
        Ok(&mut address.inbox)
    }

    /// Where the reply arrives, and the sending of the request that is prepared.
    fn sending(
        &mut self,
    ) -> Result<(&mut Inbox, impl Future<Output = Result<(), TransportError>>), TransportError>
    {
        let Self { request, body, exchange, route, id, address, .. } = self;
        let ReplyAddress { reply_to, inbox } = address.as_mut().ok_or_else(no_address)?;
        let (outgoing, exchange, reply_to) = (&request.outgoing, &**exchange, &*reply_to);
        let (route, id, body) = (&*route, *id, &*body);
        let publication = move || {
            let mut properties = outgoing.properties.clone();
            let id = as_text(id);
            properties.message_id = Some(id.clone());
            properties.correlation_id = Some(id);
            properties.reply_to = Some(reply_to.clone());
            outgoing.publication(route, properties, body)
        };
        Ok((inbox, outgoing.link.publish_to(exchange, publication)))
    }

    /// How long the call lasts yet in all its attempts, if it is awaited all the time.
    fn lasts(&self, now: Instant) -> Duration {
        let Request { timeout, max_retry, .. } = *self.request;
        let attempts_left = max_retry.saturating_add(1).saturating_sub(self.attempt);
        let lasts = self.attempt_ends.saturating_duration_since(now);
        let lasts = lasts.saturating_add(timeout.saturating_mul(attempts_left));
        let deadline = self.deadline().map(|deadline| deadline.saturating_duration_since(now));
        deadline.map_or(lasts, |deadline| lasts.min(deadline))
    }

    fn deadline(&self) -> Option<Instant> {
        self.request.deadline.map(|deadline| after(self.started, deadline))
    }

    /// Why nothing came in time: the connection is gone, no reply address was free, or nobody
    /// answered.
    fn out_of_time(&self) -> CallFault {
        let state = self.request.outgoing.link.transport.state();
        if let Some(TransportError::Disconnected { reason }) = state.borrow().error() {
            return CallFault::Disconnected { reason };
        }
        if let Some(limit) = self.crowded_out {
            return CallFault::TooManyCalls { limit };
        }
        CallFault::TimedOut {
            route: self.route.clone(),
            attempts: self.attempt,
            waited: self.started.elapsed(),
            uncorrelated: self.request.replies.uncorrelated() - self.uncorrelated_before,
        }
    }
}

/// It is opened before anything is sent.
fn no_address() -> TransportError {
    TransportError::Disconnected { reason: "the reply address is gone".to_owned() }
}
