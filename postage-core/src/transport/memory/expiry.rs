//! The broker's clock: it wakes the queues whose messages, or who themselves, run out of time.

use std::cell::OnceCell;
use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::broker::Broker;
use super::state::State;

/// The time of one step of work. It is read when it is first asked for, since most steps need none.
#[derive(Debug, Default)]
pub(super) struct Now(OnceCell<Instant>);

impl Now {
    pub(super) fn get(&self) -> Instant {
        *self.0.get_or_init(Instant::now)
    }
}

/// When the janitor is due, and the janitor. It is started when something first can expire, and
/// ends with the broker.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    due: Option<Instant>,
    bell: Arc<Notify>,
    janitor: Option<JoinHandle<()>>,
}

impl Alarm {
    /// Makes sure that the janitor comes by at this time.
    pub(super) fn set(&mut self, at: Instant) {
        if self.due.is_none_or(|due| at < due) {
            self.due = Some(at);
            self.bell.notify_one();
        }
    }

    /// Starts the janitor where one is needed and none is running: the runtime of the first may
    /// have ended.
    pub(super) fn start(&mut self, broker: &Weak<Broker>) {
        let runs = |janitor: &JoinHandle<()>| !janitor.is_finished();
        if self.due.is_none() || self.janitor.as_ref().is_some_and(runs) {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            self.janitor = Some(runtime.spawn(watch(broker.clone(), self.bell.clone())));
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(janitor) = self.janitor.take() {
            janitor.abort();
        }
    }
}

async fn watch(broker: Weak<Broker>, bell: Arc<Notify>) {
    loop {
        let next = broker.upgrade().map(|broker| broker.with(State::expire));
        match next {
            None => return,
            Some(None) => bell.notified().await,
            Some(Some(at)) => tokio::select! {
                () = sleep_until(at) => {}
                () = bell.notified() => {}
            },
        }
    }
}

impl State {
    /// Drops what has run out of time, and answers when to look again.
    pub(super) fn expire(&mut self, now: &Now) -> Option<Instant> {
        self.alarm.due = None;
        let due =
            |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now.get());
        let late: Vec<_> = self
            .queues
            .iter()
            .filter(|(_, queue)| due(queue.deadline()))
            .map(|(id, queue)| (*id, due(queue.end())))
            .collect();
        for (id, ends) in late {
            if ends {
                self.remove_queue(id, "the queue expired");
            } else {
                self.tend(id, now);
            }
        }
        self.alarm.due = self.queues.values().filter_map(super::queue::Queue::deadline).min();
        self.alarm.due
    }
}
