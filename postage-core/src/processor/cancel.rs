//! Callers that have left: a handler that may be cancelled is, or does not begin.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::left::LeftRequests;
use super::listening::Listening;
use crate::cancellation::Said;
use crate::headers;
use crate::topology::FieldValue;

/// Longer ids are no message ids.
const LONGEST_ID: usize = 255;

/// The cancellable requests of a service.
#[derive(Debug, Default)]
pub(super) struct Cancels {
    known: Mutex<Known>,
    /// How the service listens to callers.
    pub(super) listening: watch::Sender<Listening>,
}

#[derive(Debug, Default)]
struct Known {
    /// The requests that run.
    running: HashMap<String, Runs>,
    left: LeftRequests,
}

/// The runs of one request: there may be several at once where copies of it have come.
#[derive(Debug)]
struct Runs {
    count: usize,
    left: CancellationToken,
    wanted: CancellationToken,
    /// Where its caller can be asked, if it can.
    reply_to: Option<String>,
}

/// A cancellable request that runs, or is about to.
#[derive(Debug)]
pub(super) struct Running<'a> {
    cancels: &'a Cancels,
    pub(super) id: String,
    /// How long its caller waits.
    lasts: Option<Duration>,
    left: CancellationToken,
    wanted: CancellationToken,
}

impl Cancels {
    /// Begins the request of this id; nothing when its caller has left.
    pub(super) fn begin(&self, id: &str, context: &Context) -> Option<Running<'_>> {
        let lasts = lasts(context);
        let mut known = self.known();
        if known.left.contain(id) {
            return None;
        }
        let runs = known.running.entry(id.to_owned()).or_insert_with(|| Runs {
            count: 0,
            left: CancellationToken::new(),
            wanted: CancellationToken::new(),
            reply_to: None,
        });
        runs.count += 1;
        if lasts.is_some() {
            runs.reply_to = context.properties.reply_to.as_deref().map(str::to_owned);
        }
        let (left, wanted) = (runs.left.clone(), runs.wanted.clone());
        Some(Running { cancels: self, id: id.to_owned(), lasts, left, wanted })
    }

    /// Notes what a caller has said.
    pub(super) fn hear(&self, said: Said) {
        let mut known = self.known();
        for left in said.left.into_iter().filter(|left| left.id.len() <= LONGEST_ID) {
            known.left.remember(&left.id, Duration::from_millis(left.millis));
            if let Some(runs) = known.running.get(&left.id) {
                runs.left.cancel();
            }
        }
        for runs in said.wanted.iter().filter_map(|id| known.running.get(id)) {
            runs.wanted.cancel();
        }
    }

    /// The requests that run whose callers can be asked, each with where.
    pub(super) fn running(&self) -> Vec<(String, String)> {
        let known = self.known();
        let askable = known.running.iter().filter_map(|(id, runs)| {
            let reply_to = runs.reply_to.clone()?;
            Some((id.clone(), reply_to))
        });
        askable.collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the caller waits from when it sent the request. Its clock is not ours, so that is counted
/// from when the handler begins.
fn lasts(context: &Context) -> Option<Duration> {
    let millis = context.header(headers::LASTS).and_then(FieldValue::as_int)?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
}

impl Running<'_> {
    /// Where its caller can be asked whether it waits.
    pub(super) fn reply_to(&self) -> Option<String> {
        self.cancels.known().running.get(&self.id)?.reply_to.clone()
    }

    /// Waits until the caller has left: it says so, or its time is up.
    pub(super) async fn left(&self) {
        match self.lasts {
            // Either way it has left.
            Some(lasts) => drop(timeout(lasts, self.left.cancelled()).await),
            None => self.left.cancelled().await,
        }
    }

    /// Waits until the caller says whether it waits.
    pub(super) async fn is_wanted(&self) -> bool {
        tokio::select! {
            biased;
            () = self.left.cancelled() => false,
            () = self.wanted.cancelled() => true,
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut known = self.cancels.known();
        if let Some(runs) = known.running.get_mut(&self.id) {
            runs.count -= 1;
            if runs.count == 0 {
                known.running.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::cancellation::Left;

    fn left(id: &str) -> Said {
        Said { left: vec![Left::new(id.to_owned(), Duration::from_secs(1))], wanted: Vec::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn each_run_of_an_id_is_cancelled_and_no_other_begins() {
        let (cancels, context) = (Cancels::default(), Context::detached());
        let first = cancels.begin("a", &context).expect("it begins");
        let second = cancels.begin("a", &context).expect("it begins");
        let other = cancels.begin("b", &context).expect("it begins");
        drop(cancels.begin("a", &context).expect("it begins"));
        assert!(first.left().now_or_never().is_none());
        cancels.hear(left("a"));
        first.left().await;
        second.left().await;
        assert!(other.left().now_or_never().is_none());
        assert!(cancels.begin("a", &context).is_none() && cancels.begin("a", &context).is_none());
        drop((first, second, other));
        assert!(cancels.known().running.is_empty());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(cancels.begin("a", &context).is_some(), "by then no copy can come");
    }
}
