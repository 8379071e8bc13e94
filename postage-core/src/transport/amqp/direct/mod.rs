//! Messages pass beside lapin.
//!
//! lapin has the conversation with the broker: logging in, channels, topology, consumers, heartbeats.
//! It does so on a thread of its own, which costs two switches for whatever passes, and a third of a
//! program's time where messages do. So what moves messages goes the short way: publications,
//! deliveries, what comes back, confirms and acknowledgements are written and read here, by one task
//! of tokio's for each connection, [`Io`](io), and lapin never sees them.
//!
//! ```text
//!  publishers, handlers ── Outbox, Inbox ──┐
//!                                          ├── Io ── Guard ── TLS ── socket
//!  lapin's thread ────────────── Pipe ─────┘
//! ```
//!
//! What makes this safe beside lapin:
//! - A channel that lapin has opened is given to a [`Carrier`] before anything moves on it, and lapin
//!   moves no messages there. Both write whole frames only.
//! - What was put out here before lapin was asked to close a channel, or the connection, is written
//!   before that.
//! - When the broker closes a channel, nothing more is written on it: what waits is dropped before
//!   lapin hears of it and agrees.
//! - lapin takes a stream without frames for silent; while messages come, it gets heartbeats.

#[cfg(any(test, fuzzing))]
pub(super) mod by_lapin;
mod frames;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod inbox;
mod io;
mod outbox;
mod pipe;
pub(super) mod properties;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use tokio::sync::{oneshot, watch};

use super::fault::Loss;
pub(super) use inbox::{Inbox, Incoming};
pub(super) use io::start;
pub(super) use outbox::{Outbox, Outcome};
pub(super) use pipe::Pipe;

/// What a channel carries.
#[derive(Clone, Debug)]
pub(super) enum Carrier {
    Consumer(Arc<Inbox>),
    Publisher(Arc<Outbox>),
}

impl Carrier {
    /// Moves what is to be written.
    fn take_output(&self, to: &mut VecDeque<Bytes>) {
        match self {
            Self::Consumer(inbox) => inbox.take_output(to),
            Self::Publisher(outbox) => outbox.take_output(to),
        }
    }

    /// The channel carries no more.
    fn close(&self, loss: &Loss) {
        match self {
            Self::Consumer(inbox) => inbox.close(loss),
            Self::Publisher(outbox) => outbox.close(loss),
        }
    }

    fn wake(&self) {
        match self {
            Self::Consumer(inbox) => inbox.wake(),
            Self::Publisher(outbox) => outbox.wake(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Consumer(one), Self::Consumer(other)) => Arc::ptr_eq(one, other),
            (Self::Publisher(one), Self::Publisher(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// The way of messages over one connection, shared by those who use it. It holds its carriers, and they
/// hold it, until the connection ends: the task of its socket sees to that, however it ends.
#[derive(Debug, Default)]
pub(super) struct Direct {
    state: Mutex<State>,
    closed: watch::Sender<Option<Loss>>,
    io: AtomicWaker,
    /// Whether the broker takes no publications for now.
    blocked: AtomicBool,
    /// Whether the farewell has begun: the broker hears nothing that is said after it.
    closing: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    carriers: HashMap<u16, Carrier>,
    /// Those that have something to write, in the order in which they began to have it.
    ready: Vec<Carrier>,
    /// Who waits until all is written.
    flushes: Vec<oneshot::Sender<()>>,
    closed: bool,
}

impl Direct {
    /// From now on this channel's messages are the carrier's.
    pub(super) fn carry(&self, channel: u16, carrier: &Carrier) {
        {
            let mut state = self.lock();
            state.carriers.insert(channel, carrier.clone());
        }
        if let Some(loss) = self.loss() {
            self.close_channel(channel, &loss);
        }
    }

    /// Why the connection has ended, once it has.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.closed.borrow().clone()
    }

    /// Waits until the connection has ended, and says why.
    pub(super) async fn closed(&self) -> Loss {
        let mut closed = self.closed.subscribe();
        let closed = closed.wait_for(Option::is_some).await;
        // The sender is here.
        closed.ok().and_then(|loss| loss.clone()).unwrap_or_else(Loss::closed)
    }

    /// Waits until everything that was put out before is written. An end of the connection is one,
    /// too.
    pub(super) async fn flushed(&self) {
        let (written, wait) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            state.flushes.push(written);
        }
        self.io.wake();
        // It is dropped where the connection ends.
        drop(wait.await);
    }

    /// From now on nothing more is put out. What was, is written before the farewell.
    pub(super) fn begin_farewell(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether the broker takes no publications for now: it is short of memory or disk space.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Release);
        if !blocked {
            let carriers: Vec<_> = self.lock().carriers.values().cloned().collect();
            carriers.iter().for_each(Carrier::wake);
        }
    }

    /// A carrier has something to write, and had nothing before. Called under its lock, which is never
    /// taken under this one's.
    fn has_output(&self, carrier: Carrier) {
        {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            state.ready.push(carrier);
        }
        self.io.wake();
    }

    fn has_ready(&self) -> bool {
        let state = self.lock();
        !state.ready.is_empty() || !state.flushes.is_empty()
    }

    /// Who has something to write, and who waits until it is written.
    fn take_ready(&self) -> (Vec<Carrier>, Vec<oneshot::Sender<()>>) {
        let mut state = self.lock();
        (std::mem::take(&mut state.ready), std::mem::take(&mut state.flushes))
    }

    fn carrier(&self, channel: u16) -> Option<Carrier> {
        self.lock().carriers.get(&channel).cloned()
    }

    fn close_channel(&self, channel: u16, loss: &Loss) {
        let carrier = self.lock().carriers.remove(&channel);
        if let Some(carrier) = carrier {
            carrier.close(loss);
        }
    }

    /// The connection has ended: nothing is carried any more. The first reason counts.
    pub(super) fn close(&self, loss: &Loss) {
        let first = |closed: &mut Option<Loss>| {
            let first = closed.is_none();
            closed.get_or_insert_with(|| loss.clone());
            first
        };
        if !self.closed.send_if_modified(first) {
            return;
        }
        let (carriers, flushes) = {
            let mut state = self.lock();
            state.closed = true;
            state.ready.clear();
            (std::mem::take(&mut state.carriers), std::mem::take(&mut state.flushes))
        };
        drop(flushes);
        carriers.values().for_each(|carrier| carrier.close(loss));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
