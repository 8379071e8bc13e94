//! A handler at its work, which harms nobody but its own message.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep};

use super::Context;
use super::ending::Ending;

/// A handler's work until it is done or the handler says its last, for as long as it may take.
pub(super) struct Guarded<'a, W> {
    work: W,
    time: Duration,
    /// Where the handler says its last, if it does.
    says: Option<&'a Context>,
    /// Set when the work waits for the first time: most is done at once.
    clock: Option<Pin<Box<Sleep>>>,
}

/// How a handler's work has ended.
pub(super) enum Ended<T> {
    Done(T),
    Said(Ending),
    Panicked(Box<dyn Any + Send>),
    TimeUp,
}

impl<'a, W: Future + Unpin> Guarded<'a, W> {
    pub(super) const fn new(work: W, time: Duration) -> Self {
        Self { work, time, says: None, clock: None }
    }

    /// Work that its handler may end by what it says in this context. What another handler of the
    /// message has said before is not its own.
    pub(super) fn ended_in(mut self, context: &'a Context) -> Self {
        context.ending.take();
        self.says = Some(context);
        self
    }
}

impl<W: Future + Unpin> Future for Guarded<'_, W> {
    type Output = Ended<W::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Self { work, time, says, clock } = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(work).poll(cx))) {
            Ok(Poll::Ready(done)) => return Poll::Ready(Ended::Done(done)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Ended::Panicked(panic)),
        }
        // It is said while the work is polled, so nothing else need wake this.
        if let Some(ending) = says.and_then(|context| context.ending.take()) {
            return Poll::Ready(Ended::Said(ending));
        }
        let clock = clock.get_or_insert_with(|| Box::pin(sleep(*time)));
        // Work that is always busy leaves the clock no turn of its own.
        pin!(unconstrained(clock.as_mut())).poll(cx).map(|()| Ended::TimeUp)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn work_is_done_or_its_time_is_up() {
        assert!(matches!(Guarded::new(ready(1), Duration::ZERO).await, Ended::Done(1)));
        assert!(matches!(Guarded::new(pending::<()>(), SECOND).await, Ended::TimeUp));
        let work = Guarded::new(Box::pin(sleep(SECOND)), SECOND * 2);
        assert!(matches!(work.await, Ended::Done(())));
    }

    #[tokio::test]
    async fn work_that_uses_up_all_its_turns_is_ended_too() {
        let busy = Box::pin(async {
            loop {
                tokio::task::coop::consume_budget().await;
            }
        });
        assert!(matches!(Guarded::new(busy, SECOND / 100).await, Ended::<()>::TimeUp));
    }

    #[tokio::test]
    async fn a_panic_is_caught_and_what_was_said_last_ends_it() {
        #[allow(clippy::panic)]
        let panics = Guarded::new(Box::pin(async { panic!("no") }), SECOND);
        assert!(matches!(panics.await, Ended::<()>::Panicked(_)));
        let context = Context::detached();
        context.end_by(Ending::Declined("of another".to_owned()));
        let says = Guarded::new(
            Box::pin(async {
                context.end_by(Ending::Declined("mine".to_owned()));
                pending::<()>().await;
            }),
            SECOND,
        );
        let said = says.ended_in(&context).await;
        assert!(matches!(said, Ended::Said(Ending::Declined(reason)) if reason == "mine"));
    }
}
