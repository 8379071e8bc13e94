use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

/// As [`timeout`], for work that is mostly done at once: a clock is set only where it is not. Nothing
/// where the time was up.
pub(super) async fn within<F: Future + Unpin>(time: Duration, mut work: F) -> Option<F::Output> {
    match poll_fn(|cx| Poll::Ready(Pin::new(&mut work).poll(cx))).await {
        Poll::Ready(done) => Some(done),
        Poll::Pending => timeout(time, work).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_ends_in_its_time_or_not_at_all() {
        assert_eq!(within(Duration::ZERO, ready(1)).await, Some(1));
        let second = Duration::from_secs(1);
        assert_eq!(within(second, pending::<()>()).await, None);
        assert_eq!(within(second * 2, pin!(sleep(second))).await, Some(()));
        assert_eq!(within(second, pin!(sleep(second * 2))).await, None);
    }
}
