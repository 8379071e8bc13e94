//! Work that is kept at a number in flight until it has been done often or long enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Error;

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// For so long; a case that needs a number takes what it does in about that time.
    Time(Duration),
    /// So often.
    Operations(u64),
}

impl Amount {
    /// The number of operations, where it must be known, of a case that does about so many a second.
    #[must_use]
    pub fn operations(self, each_second: u64) -> u64 {
        match self {
            Self::Operations(operations) => operations,
            Self::Time(time) => {
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                (each_second.saturating_mul(millis) / 1000).max(1)
            }
        }
    }
}

/// Counts what is still to be done, for all who do it.
#[derive(Debug)]
struct Quota {
    begun: AtomicU64,
    amount: Amount,
    start: Instant,
}

impl Quota {
    /// Whether one more is to be done.
    fn take(&self) -> bool {
        match self.amount {
            Amount::Time(time) => self.start.elapsed() < time,
            Amount::Operations(all) => self.begun.fetch_add(1, Ordering::Relaxed) < all,
        }
    }
}

/// Does `work` with so many in flight, each in a task that begins the next when one has ended, and
/// answers how long each took.
///
/// # Errors
/// The first error of the work.
pub async fn keep<W, F>(in_flight: usize, amount: Amount, work: W) -> Result<Vec<Duration>, Error>
where
    W: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send,
{
    let quota = Arc::new(Quota { begun: AtomicU64::new(0), amount, start: Instant::now() });
    let work = Arc::new(work);
    let mut workers = JoinSet::new();
    for _ in 0..in_flight {
        let (quota, work) = (Arc::clone(&quota), Arc::clone(&work));
        workers.spawn(async move {
            let mut took = Vec::new();
            while quota.take() {
                let begun = Instant::now();
                work().await?;
                took.push(begun.elapsed());
            }
            Ok::<_, Error>(took)
        });
    }
    let mut all = Vec::new();
    while let Some(took) = workers.join_next().await {
        all.append(&mut took??);
    }
    Ok(all)
}
