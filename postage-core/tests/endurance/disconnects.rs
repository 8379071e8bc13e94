use std::sync::Arc;

use postage_core::{Binding, Fingerprint, Producer, Queue};
use tokio::time::Instant;

use crate::ALONE;
use crate::desk::Desk;
use crate::process::Process;
use crate::world::{
    Look, Place, answered, ask_all, connect, direct, line, tell_all, until, until_session,
    watchful, within,
};

const LOSSES: u64 = 200;
/// After so many, all that is made once has been made.
const WARM: u64 = 40;
/// After so many, the allocator has what it takes for a loss: what grows from here on is kept by us.
const HALF: u64 = (WARM + LOSSES) / 2;

const MORE_THREADS: usize = 4;
/// For 80 losses. Measured: less than 0.1 MiB.
const MORE_KIB: usize = 4 * 1024;

#[tokio::test]
async fn two_hundred_losses_in_a_row_change_nothing_and_leave_nothing_behind() {
    let _alone = ALONE.lock().await;
    let (place, line) = (Place::new(), line());
    let (services, callers) = (connect(watchful(&line)).await, connect(watchful(&line)).await);
    let desk = Arc::new(Desk::default());
    let served = place.serve(&services, &desk).prefetch(3).concurrency(100);
    let served = served.bind(place.exchange.clone(), Queue::server_named(), "of its own");
    let serving = within("a service", served.into_future()).await.unwrap();
    let added = Binding::new(place.exchange.clone(), place.queue.name().to_owned(), "added");
    serving.bind(&added).await.unwrap();
    let producer = place.producer(&callers);

    let since = Instant::now();
    let (mut before, mut half) = (Process::now(), Process::now());
    for loss in 1..=LOSSES {
        line.cut();
        until_session(&services, 1 + loss).await;
        until_session(&callers, 1 + loss).await;
        answered(ask_all(&producer, [loss])).await;
        if loss == WARM {
            before = Process::settled().await;
        } else if loss == HALF {
            half = Process::until_as_before(&before).await;
        }
    }
    let took = since.elapsed();
    let after = Process::until_as_before(&before).await;
    println!("{LOSSES} losses in {took:?}\n{before:?}\n{half:?}\n{after:?}");
    assert!(after.threads <= before.threads + MORE_THREADS, "{before:?} {after:?}");
    let more = after.resident_kib.saturating_sub(half.resident_kib);
    assert!(more <= MORE_KIB, "{more} KiB more: {before:?} {half:?} {after:?}");
    assert!(desk.seen().asked_once());

    // Consumers, bindings and prefetch are those of the start.
    let (senders, look) = (direct().await, Look::at_shared().await);
    let queue = place.queue.name();
    look.until(queue, 0, 1).await;
    let keys = [place.key.as_str(), "added", "of its own"];
    let sender = Producer::new(&senders, Fingerprint::new("test", "test"));
    for (number, key) in (1..).zip(keys) {
        let sender = sender.clone().eks([(place.exchange.clone(), key.to_owned())]);
        until("the key to be bound", async || tell_all(&sender, [number]).await.is_ok()).await;
    }
    desk.until_told(1..=3).await;
    assert_eq!(desk.seen().told_again(), 0, "one binding for each key");
    desk.shut();
    tell_all(&place.producer(&senders), 11..=20).await.unwrap();
    look.until(queue, 10 - 3, 1).await;
    desk.open();
    desk.until_told(11..=20).await;
}
