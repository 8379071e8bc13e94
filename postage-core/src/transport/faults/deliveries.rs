//! The deliveries of a queue on their way to a consumer: late, out of order, twice, or lost with
//! their connection.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::{Connection, lost};
use super::log::FaultKind;
use super::world::{DeliveryFate, Loss, World};
use crate::transport::{
    BoxFuture, Deliveries, Delivery, Settle, Settled, Settlement, Subscription, TransportError,
};

/// How long a delivery waits at most for those that are to pass it.
const ASIDE_AT_MOST: Duration = Duration::from_millis(100);

/// How many deliveries may be on their way. The prefetch is the tighter bound, where there is one.
const MOST_ON_THEIR_WAY: usize = 1024;

pub(super) struct FaultyDeliveries {
    way: Way,
    inner: Subscription,
    /// Those that come next, each when its time has come.
    line: VecDeque<(Instant, Delivery)>,
    aside: Vec<Aside>,
    /// Why no more come from the queue.
    ended: Option<Result<(), TransportError>>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A delivery that lets others pass.
struct Aside {
    delivery: Delivery,
    still_to_pass: u32,
    until: Instant,
}

/// What the deliveries of a consumer come over. It does not keep the connection open.
#[derive(Clone)]
struct Way {
    number: u64,
    world: Arc<World>,
    connection: Weak<Connection>,
    session: u64,
    queue: Arc<str>,
}

impl Way {
    fn note(&self, kind: FaultKind) {
        self.world.note(self.number, kind, &format!("a delivery of {}", self.queue));
    }

    fn lose(&self, what: &str) -> TransportError {
        let subject = format!("{what} of {}", self.queue);
        let connection = self.connection.upgrade();
        connection.map_or_else(
            || lost("the connection was closed"),
            |connection| connection.lose(self.session, &subject, None),
        )
    }
}

impl FaultyDeliveries {
    pub(super) fn new(
        connection: &Arc<Connection>,
        session: u64,
        inner: Subscription,
        queue: &str,
    ) -> Self {
        let way = Way {
            number: connection.number,
            world: Arc::clone(&connection.world),
            connection: Arc::downgrade(connection),
            session,
            queue: queue.into(),
        };
        let (line, aside) = (VecDeque::new(), Vec::new());
        Self { way, inner, line, aside, ended: None, timer: None }
    }

    /// Takes in what the queue has sent.
    fn take_in(&mut self, cx: &mut Context<'_>) {
        while self.ended.is_none() && self.line.len() + self.aside.len() < MOST_ON_THEIR_WAY {
            let next = pin!(self.inner.next()).poll(cx);
            let ended = match next {
                Poll::Pending => return,
                Poll::Ready(Ok(Some(delivery))) => self.accept(delivery),
                Poll::Ready(Ok(None)) => Some(Ok(())),
                Poll::Ready(Err(error)) => Some(Err(error)),
            };
            if let Some(Err(TransportError::Disconnected { .. })) = &ended {
                // What was on its way is lost with the connection; the queue has it again.
                self.line.clear();
                self.aside.clear();
            }
            self.ended = ended;
        }
    }

    /// Decides how a delivery comes; the answer is the loss of the connection at it.
    fn accept(&mut self, delivery: Delivery) -> Option<Result<(), TransportError>> {
        let way = self.way.clone();
        let DeliveryFate::Comes { twice, after, overtaken_by } = way.world.delivery() else {
            return Some(Err(way.lose("a delivery")));
        };
        let copy = twice.then(|| copy(&delivery));
        let delivery =
            delivery.settled_through(|inner| Arc::new(FaultySettler { way: way.clone(), inner }));
        // It does not overtake those before it.
        let before = self.line.back().map(|(at, _)| *at);
        let at = before.into_iter().fold(Instant::now() + after, Instant::max);
        if !after.is_zero() {
            way.note(FaultKind::DeliveryDelayed { by: after });
        }
        if overtaken_by > 0 {
            way.note(FaultKind::DeliveryOvertaken { by: overtaken_by });
            let until = at + ASIDE_AT_MOST;
            self.aside.push(Aside { delivery, still_to_pass: overtaken_by, until });
        } else {
            self.line.push_back((at, delivery));
        }
        if let Some(copy) = copy {
            way.note(FaultKind::DeliveryTwice);
            self.line.push_back((at, copy));
        }
        None
    }

    /// The next of those that are here, when it is due.
    fn due(&mut self, now: Instant) -> Option<Delivery> {
        let ended = self.ended.is_some() && self.line.is_empty();
        let ready = |it: &Aside| ended || it.still_to_pass == 0 || it.until <= now;
        if let Some(place) = self.aside.iter().position(ready) {
            return Some(self.aside.remove(place).delivery);
        }
        self.line.front().filter(|(at, _)| *at <= now)?;
        let (_, delivery) = self.line.pop_front()?;
        for aside in &mut self.aside {
            aside.still_to_pass = aside.still_to_pass.saturating_sub(1);
        }
        Some(delivery)
    }

    /// When one of those that are here is due next.
    fn next_due(&self) -> Option<Instant> {
        let line = self.line.front().map(|(at, _)| *at);
        line.into_iter().chain(self.aside.iter().map(|it| it.until)).min()
    }

    fn poll_timer(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }
}

impl Deliveries for FaultyDeliveries {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>> {
        loop {
            self.take_in(cx);
            if let Some(delivery) = self.due(Instant::now()) {
                return Poll::Ready(Ok(Some(delivery)));
            }
            let Some(at) = self.next_due() else {
                return match &self.ended {
                    None => Poll::Pending,
                    Some(ended) => Poll::Ready(ended.clone().map(|()| None)),
                };
            };
            ready!(self.poll_timer(at, cx));
        }
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.inner.cancel())
    }

    fn settled(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.inner.settled())
    }
}

/// The same message once more. The queue knows of one only.
fn copy(delivery: &Delivery) -> Delivery {
    let (body, properties) = (delivery.body.clone(), delivery.properties.clone());
    Delivery::new(body, properties, delivery.route.clone(), true, None)
}

/// Settles, unless the connection is lost at it.
struct FaultySettler {
    way: Way,
    inner: Arc<dyn Settle>,
}

impl Settle for FaultySettler {
    fn settle(
        &self,
        tag: u64,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let Some(loss) = self.way.world.loss() else {
                return self.inner.settle(tag, settlement).await;
            };
            if loss == Loss::After {
                self.inner.settle(tag, settlement).await?;
            }
            Err(self.way.lose("the settling of a delivery"))
        })
    }

    fn abandon(&self, tag: u64) {
        self.inner.abandon(tag);
    }

    fn explain(&self, tag: u64, settled: &Settled) {
        self.inner.explain(tag, settled);
    }
}
