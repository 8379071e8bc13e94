//! The messages of one queue that wait here for a handler, and which of them gets one next.

use std::collections::VecDeque;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::service::Service;
use super::sources::ServedQueue;
use super::taken::Taken;
use crate::message::{Category, Message};
use crate::transport::Delivery;

/// How many messages may wait here for a handler. The prefetch is the tighter bound, where there
/// is one.
const MOST_WAITING: usize = 1024;

/// How many calls to the application itself, like `ping`, are answered at once.
const OWN_CALLS: usize = 8;

/// How many commands to the application itself, like `join_group`, are carried out at once: they
/// are in the order of their arrival.
const OWN_COMMANDS: usize = 1;

/// Larger bodies are no commands to the application itself: they hold a name at most.
const LARGEST_COMMAND: usize = 16 * 1024;

/// What kind of handler a message waits for. Each kind has places of its own, so that an
/// application answers who it is, however busy its handlers are.
#[derive(Clone, Copy, Debug)]
enum Lane {
    Handlers,
    OwnCalls,
    OwnCommands,
}

/// The lanes in the order in which their messages begin.
const NEXT: [Lane; 3] = [Lane::OwnCommands, Lane::OwnCalls, Lane::Handlers];

/// A place of a handler, and of which kind.
#[derive(Debug)]
pub(super) struct Place(Lane, OwnedSemaphorePermit);

/// The places of handlers that may run at once, over all queues of a service.
#[derive(Clone, Debug)]
pub(super) struct Places([Arc<Semaphore>; 3]);

/// The messages of one queue that wait for a handler, by their lanes.
#[derive(Debug)]
pub(super) struct Lines([Line; 3]);

/// Those that wait for a handler of one kind.
#[derive(Debug)]
struct Line {
    places: Arc<Semaphore>,
    messages: VecDeque<Box<Taken>>,
}

impl Places {
    pub(super) fn new(handlers: usize) -> Self {
        Self([handlers, OWN_CALLS, OWN_COMMANDS].map(|places| Arc::new(Semaphore::new(places))))
    }
}

impl Lines {
    pub(super) fn new(Places(places): Places) -> Self {
        Self(places.map(|places| Line { places, messages: VecDeque::new() }))
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.iter().map(|line| line.messages.len()).sum::<usize>() < MOST_WAITING
    }

    /// Takes up a message that has just come.
    pub(super) fn add(&mut self, service: &Service, queue: &ServedQueue, delivery: Delivery) {
        let line = &mut self.0[service.lane(&delivery) as usize];
        line.messages.push_back(service.take(queue, delivery));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|line| line.messages.is_empty())
    }

    /// The next message that a handler may begin now, in its place.
    pub(super) fn next(&mut self) -> Option<(Box<Taken>, OwnedSemaphorePermit)> {
        NEXT.into_iter().find_map(|lane| {
            let line = &mut self.0[lane as usize];
            // Only with a message in hand: a queue that waits keeps no place from the others.
            let taken = line.messages.front().map(|_| Arc::clone(&line.places))?;
            let place = taken.try_acquire_owned().ok()?;
            Some((line.messages.pop_front()?, place))
        })
    }

    /// Waits until a handler may begin one of the messages that are here, and takes its place for it.
    /// Cancel-safe.
    pub(super) fn place(&self) -> impl Future<Output = Place> + use<> {
        let [commands, calls, handlers] = NEXT.map(|lane| {
            let line = &self.0[lane as usize];
            let places = (!line.messages.is_empty()).then(|| Arc::clone(&line.places));
            place(lane, places)
        });
        async {
            tokio::select! {
                biased;
                place = commands => place,
                place = calls => place,
                place = handlers => place,
            }
        }
    }

    /// The message that this place was waited for.
    pub(super) fn next_in(
        &mut self,
        Place(lane, place): Place,
    ) -> Option<(Box<Taken>, OwnedSemaphorePermit)> {
        Some((self.0[lane as usize].messages.pop_front()?, place))
    }

    /// Takes all that was not begun.
    pub(super) fn take(&mut self) -> Vec<Delivery> {
        let lines = self.0.iter_mut();
        lines.flat_map(|line| line.messages.drain(..).map(|taken| taken.delivery)).collect()
    }
}

async fn place(lane: Lane, places: Option<Arc<Semaphore>>) -> Place {
    if let Some(places) = places
        && let Ok(place) = places.acquire_owned().await
    {
        return Place(lane, place);
    }
    // Nobody closes the semaphore.
    pending().await
}

impl Service {
    fn lane(&self, delivery: &Delivery) -> Lane {
        let Some(own) = self.own else { return Lane::Handlers };
        // A codec of the user's own may panic. Whoever handles the message will say so.
        let category = catch_unwind(AssertUnwindSafe(|| self.own_command(own, delivery)));
        match category {
            Ok(Some(Category::Rpc)) => Lane::OwnCalls,
            Ok(Some(Category::Message)) => Lane::OwnCommands,
            Ok(None) | Err(_) => Lane::Handlers,
        }
    }

    /// Whether this is called or told, where only the application itself handles it.
    fn own_command(&self, own: usize, delivery: &Delivery) -> Option<Category> {
        if delivery.body.len() > LARGEST_COMMAND {
            return None;
        }
        let codec = self.link.codecs.of(delivery.properties.content_type.as_deref()).ok()?;
        let json = codec.decode(delivery.body.clone()).ok()?;
        self.link.limits.check_depth(&json).ok()?;
        let message = Message::from_json(&json).ok()?;
        let (category, kind, name) = (message.category(), message.kind(), message.name());
        let handlers = self.table.handlers(category, kind, name, &delivery.properties);
        let is_own = !handlers.is_empty() && handlers.iter().all(|one| one.processor == own);
        is_own.then_some(category)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use bytes::Bytes;
    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;
    use crate::topology::Route;
    use crate::transport::Properties;

    fn taken(key: &'static str) -> Box<Taken> {
        let route = Route::new("", key);
        let delivery = Delivery::new(Bytes::new(), Properties::default(), route, false, None);
        Box::new(Taken { delivery, since: Instant::now(), report: None })
    }

    #[test]
    fn one_command_to_the_application_begins_when_the_one_before_has_ended() {
        let mut lines = Lines::new(Places::new(100));
        for key in ["join", "leave"] {
            lines.0[Lane::OwnCommands as usize].messages.push_back(taken(key));
        }
        let (first, place) = lines.next().unwrap();
        assert_eq!(first.delivery.route.key(), "join");
        assert!(lines.next().is_none(), "the first is still carried out");
        let mut waited = pin!(lines.place());
        assert!(waited.as_mut().now_or_never().is_none());
        drop(place);
        let place = waited.now_or_never().unwrap();
        let (second, _place) = lines.next_in(place).unwrap();
        assert_eq!(second.delivery.route.key(), "leave");
    }

    #[test]
    fn handlers_that_are_all_busy_keep_no_command_to_the_application_waiting() {
        let mut lines = Lines::new(Places::new(1));
        for (lane, key) in [(Lane::Handlers, "a"), (Lane::Handlers, "b"), (Lane::OwnCalls, "ping")]
        {
            lines.0[lane as usize].messages.push_back(taken(key));
        }
        let mut begun = Vec::new();
        while let Some((taken, place)) = lines.next() {
            begun.push((taken.delivery.route.key().to_owned(), place));
        }
        let keys: Vec<_> = begun.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["ping", "a"]);
        assert_eq!(lines.take().len(), 1);
    }
}
