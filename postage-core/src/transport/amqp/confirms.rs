//! Pairs what the broker confirms and returns with what was published on one channel.
//!
//! The broker sends a mandatory message that no queue took back before it acknowledges it. lapin
//! queues what comes back and hands the oldest to whichever confirm completes next, so a confirm
//! may carry another message. For what this module does about it these facts suffice:
//!
//! - The broker acknowledges the messages that it returned in the order in which it returned them,
//!   so message M has been taken from that queue when all confirms are complete that the frame
//!   acknowledging M completes: each of them takes one, and those before took those before.
//! - lapin completes confirms on one thread, one frame after the other; within a frame that
//!   acknowledges several, in no order. All of one frame are completed under one lock.
//! - A confirm is complete before its waker is called, and its waker is called before the next one
//!   is completed.
//!
//! So: gather what is complete; wait until lapin has left the frame it is in; gather again, until
//! nothing is new. Then every confirm that carries a returned message of the batch is in the batch
//! or in an earlier one, and the batch can be judged.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use lapin::Channel;

/// Waits until at least one is complete, and answers a batch that can be judged. Empty when
/// nothing is under way. Cancel-safe until it has found the first: it is polled to its end then.
pub(super) async fn next_batch<F: Future>(
    under_way: &mut FuturesUnordered<F>,
    channel: &Channel,
) -> Vec<F::Output> {
    let mut batch: Vec<F::Output> = under_way.next().await.into_iter().collect();
    if batch.is_empty() {
        return batch;
    }
    loop {
        let known = batch.len();
        drain(under_way, &mut batch);
        leave_frame(channel);
        drain(under_way, &mut batch);
        if batch.len() == known {
            return batch;
        }
    }
}

/// Waits until lapin is not within a frame that acknowledges: its first step takes the lock that
/// lapin holds there. It asks for no answer.
fn leave_frame(channel: &Channel) {
    let _ = channel.wait_for_confirms().now_or_never();
}

/// Takes everything that is complete now.
fn drain<F: Future>(under_way: &mut FuturesUnordered<F>, batch: &mut Vec<F::Output>) {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut *under_way).poll_next(&mut cx) {
            Poll::Ready(Some(complete)) => batch.push(complete),
            Poll::Ready(None) => return,
            // It says pending early, to let others run, and wakes itself then.
            Poll::Pending if woken.0.swap(false, Ordering::AcqRel) => {}
            Poll::Pending => return,
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draining_takes_all_that_is_complete_however_often_it_must_yield() {
        use futures_util::future::{Either, pending, ready};
        let mut under_way = FuturesUnordered::new();
        for number in 0..500 {
            under_way.push(if number % 2 == 0 {
                Either::Left(ready(number))
            } else {
                Either::Right(pending())
            });
        }
        let mut batch = Vec::new();
        drain(&mut under_way, &mut batch);
        assert_eq!(batch.len(), 250);
        assert_eq!(under_way.len(), 250);
    }
}
