//! What is published on one channel, and what the broker says of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::frames::{self, Output};
use super::{Carrier, Direct};
use crate::topology::Route;
use crate::transport::amqp::fault::Loss;
use crate::transport::{Publication, SharedText};

/// How many bytes may wait to be written on a channel. More are taken when these are written.
const MOST_WAITING: usize = 512 * 1024;

/// A publisher's side of its channel.
#[derive(Debug)]
pub(in crate::transport::amqp) struct Outbox {
    channel: u16,
    /// How large a frame may be.
    frame_max: usize,
    direct: Arc<Direct>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    out: Output,
    outcomes: Vec<Outcome>,
    publisher: Option<Waker>,
    loss: Option<Loss>,
}

/// What the broker says of what was published, in its order.
#[derive(Debug)]
pub(in crate::transport::amqp) enum Outcome {
    /// It sends a message back; its confirm is still to come.
    Returned { route: Route, id: Option<SharedText> },
    /// It has taken the publication of this number, counted from 1 on this channel, or has refused it;
    /// and with `multiple` all before it of which it has said nothing yet.
    Confirmed { number: u64, multiple: bool, taken: bool },
}

impl Outbox {
    pub(in crate::transport::amqp) fn new(
        channel: u16,
        frame_max: usize,
        direct: &Arc<Direct>,
    ) -> Arc<Self> {
        let direct = Arc::clone(direct);
        Arc::new(Self { channel, frame_max, direct, state: Mutex::default() })
    }

    /// Puts a message out, to be written soon; false where the channel is gone, and takes none.
    ///
    /// # Errors
    /// A reason that names what cannot be sent; nothing is then.
    pub(in crate::transport::amqp) fn publish(
        self: &Arc<Self>,
        publication: &Publication,
    ) -> Result<bool, String> {
        let mut state = self.lock();
        if state.loss.is_some() || self.direct.is_closing() {
            return Ok(false);
        }
        let had_none = state.out.len() == 0;
        frames::publish(&mut state.out, self.channel, self.frame_max, publication)?;
        if had_none {
            // Under the lock: who comes next must find it there.
            self.direct.has_output(Carrier::Publisher(Arc::clone(self)));
        }
        Ok(true)
    }

    /// Whether more can be published now.
    pub(in crate::transport::amqp) fn has_room(&self) -> bool {
        self.has_room_in(&self.lock())
    }

    fn has_room_in(&self, state: &State) -> bool {
        let is_open = state.loss.is_none() && !self.direct.is_closing();
        is_open && !self.direct.is_blocked() && state.out.len() < MOST_WAITING
    }

    /// Waits for what the broker says, for room where there was none, or for the end of the channel,
    /// which is the error. What was said before the end comes before it.
    pub(in crate::transport::amqp) fn poll(
        &self,
        cx: &Context<'_>,
        had_room: bool,
    ) -> Poll<Result<Vec<Outcome>, Loss>> {
        let mut state = self.lock();
        if !state.outcomes.is_empty() {
            return Poll::Ready(Ok(std::mem::take(&mut state.outcomes)));
        }
        if let Some(loss) = &state.loss {
            return Poll::Ready(Err(loss.clone()));
        }
        if !had_room && self.has_room_in(&state) {
            return Poll::Ready(Ok(Vec::new()));
        }
        state.publisher = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The broker has said something; the publisher is woken by [`Outbox::wake`].
    pub(super) fn put(&self, outcome: Outcome) {
        self.lock().outcomes.push(outcome);
    }

    pub(super) fn wake(&self) {
        let publisher = self.lock().publisher.take();
        publisher.into_iter().for_each(Waker::wake);
    }

    pub(super) fn close(&self, loss: &Loss) {
        let mut state = self.lock();
        state.loss.get_or_insert_with(|| loss.clone());
        state.out.clear();
        drop(state);
        self.wake();
    }

    /// Moves what is to be written.
    pub(super) fn take_output(&self, to: &mut VecDeque<Bytes>) {
        let mut state = self.lock();
        let was_full = state.out.len() >= MOST_WAITING;
        state.out.take(to);
        drop(state);
        if was_full {
            self.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
