use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use serde::de::DeserializeOwned;

use super::attempt::{Pending, Request};
use super::call::read_reply;
use crate::error::{CallFault, CallOutcome};
use crate::transport::BoxFuture;

/// A call about to be sent whose answer is awaited later: a future of a [`Ticket`], made by
/// [`Call::detach`](crate::Call::detach).
#[must_use = "nothing is sent before it is awaited"]
pub struct Detach<T, X = CallFault> {
    sending: BoxFuture<'static, Result<Ticket<T, X>, CallFault>>,
}

impl<T: DeserializeOwned + Send + 'static, X: CallOutcome> Detach<T, X> {
    pub(crate) fn new(request: Request) -> Self {
        Self {
            sending: Box::pin(async move {
                let link = Arc::clone(&request.outgoing.link);
                let mut pending = request.begin()?;
                let reply_to = pending.start().await?;
                pending.wanted_anyway();
                Ok(Ticket {
                    id: pending.id().to_owned(),
                    reply_to,
                    answer: Box::pin(finish(link, pending)),
                })
            }),
        }
    }

    /// What comes of detaching a call that has been polled before.
    pub(crate) fn under_way() -> Self {
        Self { sending: Box::pin(std::future::ready(Err(CallFault::UnderWay))) }
    }
}

async fn finish<T: DeserializeOwned, X: CallOutcome>(
    link: Arc<crate::link::Link>,
    pending: Pending,
) -> Result<T, X> {
    let reply = pending.finish().await?;
    read_reply(&link, &reply)
}

/// The claim to the answer of a call that was sent: a future of the answer.
///
/// The attempt's time runs from the sending; further attempts are made only while the ticket is
/// awaited. Dropping it does not take the request back.
#[must_use = "the answer is lost unless the ticket is awaited"]
pub struct Ticket<T, X = CallFault> {
    id: String,
    reply_to: String,
    answer: BoxFuture<'static, Result<T, X>>,
}

impl<T, X> Ticket<T, X> {
    /// The request's id: its message id and its correlation id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The queue that the answer will come to.
    #[must_use]
    pub fn reply_to(&self) -> &str {
        &self.reply_to
    }
}

impl<T, X> Future for Detach<T, X> {
    type Output = Result<Ticket<T, X>, CallFault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.sending.as_mut().poll(cx)
    }
}

impl<T, X> Future for Ticket<T, X> {
    type Output = Result<T, X>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(cx)
    }
}

impl<T, X> fmt::Debug for Detach<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detach").finish_non_exhaustive()
    }
}

impl<T, X> fmt::Debug for Ticket<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("reply_to", &self.reply_to)
            .finish_non_exhaustive()
    }
}
