//! The service of these tests. It remembers what it was asked and told, and waits at a gate.

use std::collections::HashMap;

use postage_core::__private as p;
use tokio::sync::watch;

use crate::world::within;

/// The handler that fails at a message when it first comes, and then hears it as one that is told.
const STUMBLE: usize = 2;

/// Doubles numbers for callers and hears them from senders.
pub(crate) struct Desk {
    gate: watch::Sender<bool>,
    seen: watch::Sender<Seen>,
}

/// How often each number came, by what was done with it.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// How many handlers have begun.
    pub(crate) begun: usize,
    /// How many handlers have failed.
    pub(crate) failed: usize,
    pub(crate) asked: HashMap<u64, u32>,
    pub(crate) told: HashMap<u64, u32>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { gate: watch::Sender::new(true), seen: watch::Sender::default() }
    }
}

impl Desk {
    /// Handlers that begin now wait for [`Desk::open`].
    pub(crate) fn shut(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until what it has seen is so.
    pub(crate) async fn until(&self, what: &str, mut so: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        within(what, seen.wait_for(|seen| so(seen))).await.unwrap();
    }

    pub(crate) async fn until_begun(&self, handlers: usize) {
        self.until("handlers to begin", |seen| seen.begun >= handlers).await;
    }

    /// Waits until it was told each of these numbers.
    pub(crate) async fn until_told(&self, numbers: impl IntoIterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.into_iter().collect();
        let all = |seen: &Seen| numbers.iter().all(|number| seen.told.contains_key(number));
        self.until("all to be told", all).await;
    }
}

impl Seen {
    /// The numbers that it was told more than once.
    pub(crate) fn told_again(&self) -> usize {
        self.told.values().filter(|times| **times > 1).count()
    }

    /// Whether it was asked no number more than once.
    pub(crate) fn asked_once(&self) -> bool {
        self.asked.values().all(|times| *times == 1)
    }
}

impl p::MessageProcessor for Desk {
    const NAME: &'static str = "Desk";
    const TABLE: &'static [&'static [p::Method]] = &[&[
        p::Method::rpc("command", "double", "double", &[], "u64"),
        p::Method::message("command", "tell", "tell", &[]),
        p::Method::message("command", "stumble", "stumble", &[]),
    ]];

    /// Its queues have names of the test's own: they are given when it is served.
    fn setup() -> p::ServiceSetup {
        p::ServiceSetup::new()
    }

    fn dispatch<'a>(
        &'a self,
        index: usize,
        request: p::Request<'a>,
    ) -> p::BoxFuture<'a, p::Outcome> {
        Box::pin(async move {
            self.seen.send_modify(|seen| seen.begun += 1);
            request.context().progress(1, 2, ());
            // The sender is ours, so the gate opens or the handler is dropped.
            let _ = self.gate.subscribe().wait_for(|open| *open).await;
            let number = match request.parameters::<(u64,)>(&["number"]) {
                Ok((number,)) => number,
                Err(fault) => return request.refuse(fault).await,
            };
            if index == STUMBLE && request.context().failures() == 0 {
                self.seen.send_modify(|seen| seen.failed += 1);
                return p::Outcome::Fail { reason: "it stumbled".to_owned() };
            }
            if index > 0 {
                self.seen.send_modify(|seen| *seen.told.entry(number).or_default() += 1);
                return request.settle(());
            }
            self.seen.send_modify(|seen| *seen.asked.entry(number).or_default() += 1);
            request.context().progress(2, 2, ());
            request.answer(number * 2).await
        })
    }
}
