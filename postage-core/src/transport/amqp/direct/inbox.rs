//! The deliveries of one consumer, and what becomes of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use super::{Carrier, Direct, frames};
use crate::topology::Route;
use crate::transport::amqp::fault::Loss;
use crate::transport::{Properties, Settlement};

/// A message as it came.
#[derive(Debug)]
pub(in crate::transport::amqp) struct Incoming {
    pub(in crate::transport::amqp) tag: u64,
    pub(in crate::transport::amqp) redelivered: bool,
    pub(in crate::transport::amqp) route: Route,
    pub(in crate::transport::amqp) properties: Properties,
    pub(in crate::transport::amqp) body: Bytes,
}

/// A consumer's side of its channel.
#[derive(Debug)]
pub(in crate::transport::amqp) struct Inbox {
    channel: u16,
    /// Whether its deliveries are to be settled; else the broker takes them for settled.
    settles: bool,
    direct: Weak<Direct>,
    state: Mutex<State>,
    /// Itself, to be put among those that have something to write.
    me: Weak<Self>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Incoming>,
    reader: Option<Waker>,
    settled: Settled,
    /// What gives messages back, in frames: it is written before the acknowledgements.
    given_back: BytesMut,
    /// Whether it is among those that have something to write.
    ready: bool,
    /// Whether nothing is written for now.
    held: bool,
    /// Whether what comes is given back at once.
    left: bool,
    loss: Option<Loss>,
}

impl Inbox {
    pub(in crate::transport::amqp) fn new(
        channel: u16,
        settles: bool,
        direct: &Arc<Direct>,
    ) -> Arc<Self> {
        let direct = Arc::downgrade(direct);
        Arc::new_cyclic(|me| Self {
            channel,
            settles,
            direct,
            state: Mutex::default(),
            me: me.clone(),
        })
    }

    /// The next message that has come.
    pub(in crate::transport::amqp) fn poll(&self, cx: &Context<'_>) -> Poll<Incoming> {
        let mut state = self.lock();
        match state.messages.pop_front() {
            Some(message) => Poll::Ready(message),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Says what becomes of a message. It is written soon, together with what others say meanwhile.
    ///
    /// # Errors
    /// When the channel is gone: the queue has the message again.
    pub(in crate::transport::amqp) fn settle(
        &self,
        tag: u64,
        settlement: Settlement,
    ) -> Result<(), Loss> {
        let mut state = self.lock();
        if let Some(loss) = &state.loss {
            return Err(loss.clone());
        }
        match settlement {
            Settlement::Ack => state.settled.ack(tag),
            Settlement::Reject | Settlement::Requeue => {
                let requeue = settlement == Settlement::Requeue;
                frames::nack(&mut state.given_back, self.channel, tag, requeue);
                state.settled.told(tag);
            }
        }
        self.output(state);
        Ok(())
    }

    /// Writes nothing until [`Inbox::let_go`]: what is given back before the consumer is cancelled
    /// would come here once more, and a queue that counts deliveries would count that.
    pub(in crate::transport::amqp) fn hold(&self) {
        self.lock().held = true;
    }

    /// The consumer is cancelled: what had come and was not taken is given back, and what still comes.
    pub(in crate::transport::amqp) fn let_go(&self) {
        let mut state = self.lock();
        state.held = false;
        state.left = true;
        let left = std::mem::take(&mut state.messages);
        if self.settles {
            for message in &left {
                frames::nack(&mut state.given_back, self.channel, message.tag, true);
                state.settled.told(message.tag);
            }
        }
        self.output(state);
        drop(left);
    }

    /// A message has come; its reader is woken by [`Inbox::wake`].
    pub(super) fn put(&self, message: Incoming) {
        let mut state = self.lock();
        if self.settles {
            state.settled.delivered(message.tag);
        }
        if !state.left {
            state.messages.push_back(message);
            return;
        }
        if !self.settles {
            return;
        }
        frames::nack(&mut state.given_back, self.channel, message.tag, true);
        state.settled.told(message.tag);
        self.output(state);
    }

    pub(super) fn wake(&self) {
        let reader = self.lock().reader.take();
        reader.into_iter().for_each(Waker::wake);
    }

    pub(super) fn close(&self, loss: &Loss) {
        let mut state = self.lock();
        state.loss.get_or_insert_with(|| loss.clone());
        state.given_back.clear();
        state.settled = Settled::default();
        drop(state);
        self.wake();
    }

    pub(super) fn take_output(&self) -> Bytes {
        let mut state = self.lock();
        state.ready = false;
        if state.held || state.loss.is_some() {
            return Bytes::new();
        }
        let mut out = std::mem::take(&mut state.given_back);
        state.settled.write(&mut out, self.channel);
        out.freeze()
    }

    /// Puts it among those that have something to write, where it has and is not there yet.
    fn output(&self, mut state: MutexGuard<'_, State>) {
        let has = !state.given_back.is_empty() || state.settled.has_news();
        if !has || state.held || std::mem::replace(&mut state.ready, true) {
            return;
        }
        drop(state);
        if let (Some(direct), Some(me)) = (self.direct.upgrade(), self.me.upgrade()) {
            direct.has_output(Carrier::Consumer(me));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which deliveries are settled, so that one acknowledgement can stand for many: for all up to a tag,
/// where those before it are settled.
#[derive(Debug, Default)]
struct Settled {
    /// The tag of the first delivery that is not told the broker; those before it all are.
    first: u64,
    /// From `first` on.
    deliveries: VecDeque<Stand>,
    /// The tags that were acknowledged and not told.
    news: Vec<u64>,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Open,
    Acked,
    /// The broker has been told.
    Told,
}

impl Settled {
    /// The broker counts deliveries from 1.
    fn delivered(&mut self, tag: u64) {
        if self.deliveries.is_empty() {
            self.first = tag;
        }
        self.deliveries.push_back(Stand::Open);
    }

    fn ack(&mut self, tag: u64) {
        if let Some(stand) = self.stand(tag) {
            *stand = Stand::Acked;
            self.news.push(tag);
        }
    }

    fn told(&mut self, tag: u64) {
        if let Some(stand) = self.stand(tag) {
            *stand = Stand::Told;
        }
        self.pass_told();
    }

    fn stand(&mut self, tag: u64) -> Option<&mut Stand> {
        let place = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        self.deliveries.get_mut(place)
    }

    fn pass_told(&mut self) {
        while self.deliveries.front() == Some(&Stand::Told) {
            self.deliveries.pop_front();
            self.first += 1;
        }
    }

    fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Tells the broker: of all up to the last that has none open before it at once, of others one by
    /// one.
    fn write(&mut self, out: &mut BytesMut, channel: u16) {
        let (mut upto, mut count) = (None, 0);
        while let Some(stand) = self.deliveries.front().copied()
            && stand != Stand::Open
        {
            if stand == Stand::Acked {
                upto = Some(self.first);
                count += 1;
            }
            self.deliveries.pop_front();
            self.first += 1;
        }
        if let Some(upto) = upto {
            frames::ack(out, channel, upto, count > 1);
        }
        for tag in std::mem::take(&mut self.news) {
            if let Some(stand) = self.stand(tag) {
                *stand = Stand::Told;
                frames::ack(out, channel, tag, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, as tag and whether it stands for all before it.
    fn written(settled: &mut Settled) -> Vec<(u64, bool)> {
        let mut out = BytesMut::new();
        settled.write(&mut out, 1);
        let frame = |frame: &[u8]| {
            let tag = u64::from_be_bytes(frame[11..19].try_into().unwrap());
            (tag, frame[19] == 1)
        };
        out.chunks(21).map(frame).collect()
    }

    fn delivered(count: u64) -> Settled {
        let mut settled = Settled::default();
        (1..=count).for_each(|tag| settled.delivered(tag));
        settled
    }

    #[test]
    fn what_is_settled_in_order_is_told_at_once() {
        let mut settled = delivered(4);
        [2, 1, 3].into_iter().for_each(|tag| settled.ack(tag));
        assert_eq!(written(&mut settled), [(3, true)]);
        settled.ack(4);
        assert_eq!(written(&mut settled), [(4, false)]);
        assert!(!settled.has_news() && settled.deliveries.is_empty());
    }

    #[test]
    fn what_is_settled_behind_an_open_one_is_told_by_itself_and_once() {
        let mut settled = delivered(5);
        [2, 4].into_iter().for_each(|tag| settled.ack(tag));
        assert_eq!(written(&mut settled), [(2, false), (4, false)]);
        [1, 3].into_iter().for_each(|tag| settled.ack(tag));
        assert_eq!(written(&mut settled), [(3, true)]);
        settled.ack(5);
        assert_eq!(written(&mut settled), [(5, false)]);
    }

    #[test]
    fn what_was_given_back_is_no_acknowledgement_and_none_in_its_way() {
        let mut settled = delivered(3);
        settled.told(1);
        settled.ack(3);
        settled.told(2);
        assert_eq!(written(&mut settled), [(3, false)]);
        assert!(settled.deliveries.is_empty());
    }

    proptest::proptest! {
        /// As the broker counts: each delivery is acknowledged once, none that is open is, and an
        /// acknowledgement for many always has one to stand for.
        #[test]
        fn each_delivery_is_acknowledged_once(
            steps in proptest::collection::vec((0_u8..4, proptest::prelude::any::<proptest::sample::Index>()), 0..200),
        ) {
            let mut settled = Settled::default();
            let (mut next, mut open, mut acked) = (1, Vec::new(), Vec::new());
            let mut at_broker = std::collections::BTreeSet::new();
            for (step, index) in steps {
                match step {
                    0 => {
                        settled.delivered(next);
                        open.push(next);
                        at_broker.insert(next);
                        next += 1;
                    }
                    1 if !open.is_empty() => {
                        let tag = open.remove(index.index(open.len()));
                        settled.ack(tag);
                        acked.push(tag);
                    }
                    2 if !open.is_empty() => {
                        let tag = open.remove(index.index(open.len()));
                        settled.told(tag);
                        at_broker.remove(&tag);
                    }
                    _ => {
                        for (tag, multiple) in written(&mut settled) {
                            proptest::prop_assert!(at_broker.remove(&tag), "{tag} is not known");
                            if multiple {
                                at_broker.retain(|other| *other > tag);
                            }
                        }
                        acked.clear();
                        proptest::prop_assert_eq!(at_broker.iter().collect::<Vec<_>>(), {
                            let mut open: Vec<_> = open.iter().collect();
                            open.sort();
                            open
                        });
                    }
                }
            }
        }
    }
}
