//! What a handler of a long call says to its caller while it works, and hears from it.

use std::future::pending;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::ending::Ending;

impl Context {
    /// Tells the caller how far the work has come: so many items of so many (0 where that is not
    /// known), and what else there is to say; `()` for nothing.
    ///
    /// It never waits and may be called at each step: the newest progress is sent, ten times a
    /// second at most unless [`Serve::progress_every`](crate::Serve::progress_every) says otherwise,
    /// and the last one before the answer. Where the line is lost at that very moment, before anybody
    /// notices, it may be missing. A caller that has not asked for it costs nothing here. After the
    /// answer it does nothing.
    ///
    /// Its content may have 64 KiB. One that has more, or that does not serialize, is not told, and
    /// a warning is logged, once for each call.
    ///
    /// ```
    /// # use postage_core::prelude::*;
    /// # async fn scan(page: u64) {}
    /// async fn scan_all(cx: &Context, pages: u64) {
    ///     for page in 1..=pages {
    ///         scan(page).await;
    ///         cx.progress(page, pages, ());
    ///     }
    /// }
    /// ```
    pub fn progress(&self, completed: u64, total: u64, details: impl Serialize) {
        if let Some(report) = &self.report {
            report.progress(completed, total, &details);
        }
    }

    /// Tells the caller that the call is accepted and has started, where the service leaves that to
    /// its handlers by [`Serve::accepted_by_handlers`](crate::Serve::accepted_by_handlers). A first
    /// progress says so too. Its contrary is [`Context::reject_call`].
    pub fn accept(&self) {
        if let Some(report) = &self.report {
            report.accept();
        }
    }

    /// Declines the call: its caller gets [`CallFault::Rejected`](crate::CallFault::Rejected) with
    /// this reason, a peer of another make the exception `Rejected`. The handler ends here; no code
    /// after it runs. A message that nobody waits for is rejected as by [`Context::reject`];
    /// a call leaves no dead letter.
    ///
    /// ```
    /// # use postage_core::prelude::*;
    /// async fn place(cx: &Context, quantity: u32) -> u64 {
    ///     if quantity > 100 {
    ///         return cx.reject_call("we have no more than 100").await;
    ///     }
    ///     4021
    /// }
    /// ```
    ///
    /// # Panics
    /// In a [`Context::detached`] one: who calls a handler directly can be told in no other way.
    pub async fn reject_call<T>(&self, reason: impl Into<String>) -> T {
        let reason = reason.into();
        #[allow(clippy::panic, reason = "a direct call has no other way to tell its caller")]
        if self.control.is_none() {
            panic!("the handler rejected the call: {reason}");
        }
        self.end_by(Ending::Declined(reason));
        pending().await
    }

    /// Waits until the caller has left: it dropped the call, or its time is up. It works for a
    /// handler that is marked as cancellable, where the call is too, and waits for ever for any other.
    /// A service listens for that on the exchange `postage-cancelled`, see
    /// [`Call::cancellable`](crate::Call::cancellable).
    ///
    /// Such a handler is dropped when its caller leaves. One that has asked, by this or by
    /// [`Context::cancellation`], is not: it ends by itself, and has the time to clear up.
    pub async fn cancelled(&self) {
        self.left().cancelled().await;
    }

    /// As [`Context::cancelled`], as a token to hand on: to tasks, or to work that blocks a thread
    /// and looks at it from time to time. Each is one of its own: who cancels it ends what it was
    /// handed to, and nothing else.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.left().child_token()
    }

    /// Cancelled when the caller has left.
    fn left(&self) -> &CancellationToken {
        self.cancellation.get_or_init(CancellationToken::new)
    }

    /// Waits until the newest progress is told, where the caller wants to hear of it.
    #[cfg(feature = "testing")]
    pub(crate) async fn progress_is_told(&self) {
        if let Some(report) = &self.report {
            report.progress_is_told().await;
        }
    }

    /// The handler begins.
    pub(super) fn begin(&self) {
        if let Some(report) = &self.report {
            report.started();
        }
    }

    /// Whether the handler has asked to hear that its caller leaves.
    pub(super) fn minds_cancellation(&self) -> bool {
        self.cancellation.get().is_some()
    }

    /// Tells a handler that has asked, or will ask, that its caller has left.
    pub(super) fn cancel(&self) {
        self.left().cancel();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_token_that_was_handed_on_cancels_nothing_but_what_it_was_handed_to() {
        let cx = Context::detached();
        let (mine, other) = (cx.cancellation(), cx.cancellation());
        mine.cancel();
        assert!(!other.is_cancelled() && cx.cancelled().now_or_never().is_none());
        cx.cancel();
        assert!(other.is_cancelled() && cx.cancelled().now_or_never().is_some());
        assert!(cx.cancellation().is_cancelled());
    }
}
