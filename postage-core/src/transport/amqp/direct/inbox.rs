//! The deliveries of one consumer, and what becomes of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    direct: Arc<Direct>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Incoming>,
    reader: Option<Waker>,
    settled: Settled,
    /// The tags of those that are given back, or rejected: whether they are requeued.
    given_back: Vec<(u64, bool)>,
    /// Whether it is among those that have something to write.
    ready: bool,
    /// Whether nothing is given back for now.
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
        let direct = Arc::clone(direct);
        Arc::new(Self { channel, settles, direct, state: Mutex::default() })
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

    /// Waits until the connection has ended.
    pub(in crate::transport::amqp) async fn closed(&self) -> Loss {
        self.direct.closed().await
    }

    /// Says what becomes of a message. It is written soon, together with what others say meanwhile.
    ///
    /// # Errors
    /// When the channel is gone: the queue has the message again.
    pub(in crate::transport::amqp) fn settle(
        self: &Arc<Self>,
        tag: u64,
        settlement: Settlement,
    ) -> Result<(), Loss> {
        let mut state = self.lock();
        if let Some(loss) = &state.loss {
            return Err(loss.clone());
        }
        // What is said after the farewell is not heard.
        if self.direct.is_closing() {
            return Err(Loss::closed());
        }
        match settlement {
            Settlement::Ack => state.settled.ack(tag),
            Settlement::Reject => state.given_back.push((tag, false)),
            Settlement::Requeue => state.given_back.push((tag, true)),
        }
        self.output(&mut state);
        Ok(())
    }

    /// Gives nothing back until [`Inbox::let_go`]: what is given back before the consumer is cancelled
    /// would come here once more, and a queue that counts deliveries would count that.
    pub(in crate::transport::amqp) fn hold(&self) {
        self.lock().held = true;
    }

    /// The consumer is cancelled: what had come and was not taken is given back, and what still comes.
    pub(in crate::transport::amqp) fn let_go(self: &Arc<Self>) {
        let mut state = self.lock();
        state.held = false;
        state.left = true;
        let left = std::mem::take(&mut state.messages);
        if self.settles && state.loss.is_none() {
            state.given_back.extend(left.iter().map(|message| (message.tag, true)));
        }
        self.output(&mut state);
        drop(state);
        drop(left);
    }

    /// A message has come; its reader is woken by [`Inbox::wake`].
    pub(super) fn put(self: &Arc<Self>, message: Incoming) {
        let mut state = self.lock();
        if self.settles {
            state.settled.delivered(message.tag);
        }
        if !state.left {
            state.messages.push_back(message);
        } else if self.settles {
            state.given_back.push((message.tag, true));
            self.output(&mut state);
        }
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

    /// Moves what is to be written.
    pub(super) fn take_output(&self, to: &mut VecDeque<Bytes>) {
        let mut state = self.lock();
        state.ready = false;
        let mut out = BytesMut::new();
        if !state.held {
            // Before the acknowledgements, of which one may stand for these.
            for (tag, requeue) in std::mem::take(&mut state.given_back) {
                if state.settled.told(tag) {
                    frames::nack(&mut out, self.channel, tag, requeue);
                }
            }
        }
        state.settled.write(&mut out, self.channel);
        drop(state);
        if !out.is_empty() {
            to.push_back(out.freeze());
        }
    }

    /// Puts it among those that have something to write, where it has and is not there yet. Under its
    /// lock: who comes next must find it there.
    fn output(self: &Arc<Self>, state: &mut State) {
        let gives_back = !state.held && !state.given_back.is_empty();
        if (gives_back || state.settled.has_news()) && !std::mem::replace(&mut state.ready, true) {
            self.direct.has_output(Carrier::Consumer(Arc::clone(self)));
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
    /// The broker counts deliveries from 1, and leaves none out; one that it would is none of ours.
    fn delivered(&mut self, tag: u64) {
        if self.deliveries.is_empty() {
            self.first = tag;
        }
        while self.next() < tag {
            self.deliveries.push_back(Stand::Told);
        }
        if self.next() == tag {
            self.deliveries.push_back(Stand::Open);
        }
    }

    fn next(&self) -> u64 {
        self.first.saturating_add(self.deliveries.len() as u64)
    }

    fn ack(&mut self, tag: u64) {
        if let Some(stand @ Stand::Open) = self.stand(tag) {
            *stand = Stand::Acked;
            self.news.push(tag);
        }
    }

    /// The broker is told of it in another way; false where there is nothing to tell.
    fn told(&mut self, tag: u64) -> bool {
        let Some(stand @ Stand::Open) = self.stand(tag) else { return false };
        *stand = Stand::Told;
        self.pass_told();
        true
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
            if let Some(stand @ Stand::Acked) = self.stand(tag) {
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
    fn a_delivery_is_settled_once_and_one_that_never_came_not_at_all() {
        let mut settled = delivered(2);
        settled.delivered(5);
        [2, 2, 3, 9].into_iter().for_each(|tag| settled.ack(tag));
        assert!(!settled.told(2) && !settled.told(4) && !settled.told(6));
        assert_eq!(written(&mut settled), [(2, false)]);
        settled.ack(1);
        assert_eq!(written(&mut settled), [(1, false)]);
        assert!(settled.told(5));
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
