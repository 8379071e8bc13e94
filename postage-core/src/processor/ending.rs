//! How a handler ends its message before its own end: what it says last.

use std::future::pending;

use super::{Context, Outcome, Request};
use crate::message::RemoteException;

/// What a handler said last.
#[derive(Debug)]
pub(super) enum Ending {
    /// It declined the call, for this reason.
    Declined(String),
    Raised(Box<RemoteException>),
}

impl Context {
    /// Raises an exception: its caller gets [`CallFault::Exception`](crate::CallFault::Exception)
    /// with all that it says, a peer of another make its name and its text. The handler ends here;
    /// no code after it runs. The message is rejected then, as one whose handler panicked; a message
    /// that nobody waits for has failed, and is tried again as the service's
    /// [`Retry`](crate::Retry) says.
    ///
    /// ```
    /// # use postage_core::prelude::*;
    /// # use postage_core::RemoteException;
    /// # use serde_json::json;
    /// async fn place(cx: &Context, item: &str, left: u32) -> u64 {
    ///     if left == 0 {
    ///         let sold_out = RemoteException::new("SoldOut", format!("there is no {item} left"));
    ///         return cx.raise(sold_out.with_state(json!({"left": left}))).await;
    ///     }
    ///     match std::fs::read_to_string("orders") {
    ///         Ok(orders) => orders.lines().count() as u64,
    ///         Err(error) => cx.raise(RemoteException::of(&error)).await,
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// In a [`Context::detached`] one: who calls a handler directly can be told in no other way.
    pub async fn raise<T>(&self, raised: impl Into<RemoteException>) -> T {
        let raised = raised.into();
        #[allow(clippy::panic, reason = "a direct call has no other way to tell its caller")]
        if self.control.is_none() {
            panic!("the handler raised {raised}");
        }
        self.end_by(Ending::Raised(Box::new(raised)));
        pending().await
    }

    /// What was said first counts.
    pub(super) fn end_by(&self, ending: Ending) {
        self.ending.put(ending);
    }
}

impl Request<'_> {
    /// What becomes of a message whose handler has said its last.
    pub(super) async fn ended_by(self, ending: Ending) -> Outcome {
        match ending {
            Ending::Declined(reason) => self.declined(&reason).await,
            Ending::Raised(raised) => self.broke_off_by(raised).await,
        }
    }
}
