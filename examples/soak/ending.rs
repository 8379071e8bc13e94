//! The end of a run: waits for what is owed, drains, and takes its queues away.

use std::time::Duration;

use postage_core::prelude::*;
use tokio::time::{Instant, timeout};

use crate::book::Book;
use crate::contract::Names;
use crate::reconnects::Reconnects;
use crate::report::Owed;

/// How long nothing may be handled, with all connected, before what is owed counts as lost.
const QUIET: Duration = Duration::from_secs(15);
/// How long it is waited for what is owed at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long handlers may take to finish.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How long taking the queues away, and closing, may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

/// Waits until all that was confirmed is handled, or no longer.
pub(crate) async fn wait_for_owed(
    book: &Book,
    brokers: &[Broker],
    reconnects: &Reconnects,
) -> Owed {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let before = (book.totals().messages.run, reconnects.count(), connected(brokers));
        if timeout(QUIET, book.all_handled()).await.is_ok() {
            return Owed::Lost;
        }
        if before == (book.totals().messages.run, reconnects.count(), true) && connected(brokers) {
            return Owed::Lost;
        }
        if Instant::now() >= give_up {
            return Owed::Left;
        }
    }
}

fn connected(brokers: &[Broker]) -> bool {
    brokers.iter().all(|broker| broker.state().borrow().is_connected())
}

/// Drains the services, and deletes the queues of the run, which takes the exchange along.
pub(crate) async fn leave(services: Vec<Serving>, brokers: &[Broker], names: &Names) {
    for service in services {
        let drained = service.drain(DRAIN_LIMIT).await;
        if drained.cut_off > 0 {
            eprintln!("soak: {} handlers did not finish in time", drained.cut_off);
        }
    }
    if timeout(LEAVE_LIMIT, clear(brokers, names)).await.is_err() {
        eprintln!("soak: the broker takes too long to delete the queues and to close");
    }
}

async fn clear(brokers: &[Broker], names: &Names) {
    if let Some(broker) = brokers.first() {
        for queue in names.queues() {
            if let Err(error) = broker.transport().delete_queue(&queue).await {
                eprintln!("soak: the queue `{queue}` stays for an hour unused: {error}");
            }
        }
    }
    for broker in brokers {
        if let Err(error) = broker.close().await {
            eprintln!("soak: {error}");
        }
    }
}
