//! Futures of what is done already. They hold nothing, so that their boxes take no allocation.

use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::coop::poll_proceed;

use crate::transport::{BoxFuture, TransportError};

type Result<T = ()> = std::result::Result<T, TransportError>;

/// What has come of it.
pub(super) fn done(result: Result) -> BoxFuture<'static, Result> {
    match result {
        Ok(()) => Box::pin(Done),
        failed => Box::pin(ready(failed)),
    }
}

/// What has come of it, after a turn of the others where it is theirs: without this, a publisher in a
/// loop would starve the consumers of its thread.
pub(super) fn done_in_turn(result: Result) -> BoxFuture<'static, Result> {
    match result {
        Ok(()) => Box::pin(DoneInTurn),
        failed => Box::pin(async {
            DoneInTurn.await?;
            failed
        }),
    }
}

struct Done;

impl Future for Done {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }
}

struct DoneInTurn;

impl Future for DoneInTurn {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        ready!(poll_proceed(cx)).made_progress();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_takes_no_box_and_a_failure_comes_in_turn_too() {
        assert_eq!((size_of::<Done>(), size_of::<DoneInTurn>()), (0, 0));
        assert!(done(Ok(())).await.is_ok() && done_in_turn(Ok(())).await.is_ok());
        let failed = || Err(super::super::disconnected());
        assert!(done(failed()).await.is_err() && done_in_turn(failed()).await.is_err());
    }

    #[tokio::test]
    async fn who_does_one_after_another_gives_others_their_turn() {
        let other = tokio::spawn(async {});
        while !other.is_finished() {
            done_in_turn(Ok(())).await.unwrap();
        }
    }
}
