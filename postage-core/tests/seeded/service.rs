//! The service under test, written by hand as the macros would write it.

use std::time::Duration;

use postage_core::__private as p;
use postage_core::{Exchange, ExchangeKind, Queue};
use tokio::time::sleep;

use crate::ledger::Ledger;

pub(crate) const DESK: Exchange = Exchange::declared("seeded", ExchangeKind::Direct);
pub(crate) const QUEUE: &str = "jobs";
pub(crate) const DEAD: &str = "jobs.dead";
pub(crate) const ATTEMPTS: u32 = 3;

pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
}

/// A note that always fails.
pub(crate) fn is_poison(n: u32) -> bool {
    n % 11 == 5
}

/// A note that fails the first time that a service handles it.
pub(crate) fn fails_first(n: u32) -> bool {
    n % 7 == 3
}

/// A call that is answered with an error.
pub(crate) fn is_refused(n: u32) -> bool {
    n % 10 == 9
}

/// How long a handler takes. That of a few calls takes longer than their attempts wait.
fn takes(index: usize, n: u32) -> Duration {
    let slow = index == 0 && n % 13 == 6;
    Duration::from_millis(if slow { 1_400 } else { u64::from(n * 37 % 50) })
}

impl p::MessageProcessor for Desk {
    const NAME: &'static str = "Desk";
    const TABLE: &'static [&'static [p::Method]] = &[&[
        p::Method::rpc("command", "double", "double", &[], "Result<u32, String>"),
        p::Method::message("command", "note", "note", &[]),
    ]];

    fn setup() -> p::ServiceSetup {
        let queue = Queue::new(QUEUE).durable(true).dead_letter("").dead_letter_key(DEAD);
        p::ServiceSetup::new().bind(DESK, queue, "desk")
    }

    fn dispatch<'a>(
        &'a self,
        index: usize,
        request: p::Request<'a>,
    ) -> p::BoxFuture<'a, p::Outcome> {
        Box::pin(async move {
            let _running = self.ledger.begin();
            let n = match request.parameters::<(u32,)>(&["n"]) {
                Ok((n,)) => n,
                Err(fault) => return request.refuse(fault).await,
            };
            sleep(takes(index, n)).await;
            match index {
                0 => {
                    self.ledger.done(request.context().message_id());
                    let answer = if is_refused(n) { Err(format!("no {n}")) } else { Ok(n * 2) };
                    request.answer_result(answer).await
                }
                1 => request.settle(self.note(n, request.context().message_id())),
                _ => request.unhandled().await,
            }
        })
    }
}

impl Desk {
    fn note(&self, n: u32, id: Option<&str>) -> Result<(), String> {
        let mut pages = self.ledger.pages();
        let failed = pages.failed.entry(n).or_default();
        if is_poison(n) || (*failed == 0 && fails_first(n)) {
            *failed += 1;
            return Err(format!("note {n} failed"));
        }
        *pages.notes.entry(n).or_default() += 1;
        drop(pages);
        self.ledger.done(id);
        Ok(())
    }
}
