use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ALONE;
use crate::desk::Desk;
use crate::process::Process;
use crate::world::{
    BUSY, HEARTBEAT, Place, answered, ask_all, connect, line, patient, tell_all, until_lost,
    until_session, watchful, within,
};

/// The service, its callers and its senders are one connection, and it is silent. lapin by itself
/// would keep a thread and its buffers for each connection and each attempt that nobody answers.
#[tokio::test]
async fn black_holes_in_a_row_leave_no_connection_behind() {
    let _alone = ALONE.lock().await;
    let (place, line) = (Place::new(), line());
    let broker = connect(watchful(&line).connect_timeout(Duration::from_millis(300))).await;
    let desk = Arc::new(Desk::default());
    // One task that waits for the next message: of more, a service keeps more.
    let served = place.serve(&broker, &desk).concurrency(1);
    let _serving = within("a service", served.into_future()).await.unwrap();
    let producer = place.producer(&broker);
    answered(ask_all(&producer, [0])).await;
    let before = Process::now();

    for hole in 1..=3 {
        line.black_hole();
        let sends = (producer.clone(), hole * 100..hole * 100 + 10);
        let sends = tokio::spawn(async move { tell_all(&sends.0, sends.1).await });
        let calls = ask_all(&producer, hole * 100..hole * 100 + 10);
        until_lost(&broker).await;
        // Two attempts of two connections each.
        let tried = line.total_connections() + 4;
        line.wait_for_connections(tried, Duration::from_secs(20)).await.unwrap();
        line.restore().unwrap();
        until_session(&broker, 1 + hole).await;
        sends.await.unwrap().unwrap();
        answered(calls).await;
        desk.until_told(hole * 100..hole * 100 + 10).await;
    }
    let after = Process::until_as_before(&before).await;
    println!("{before:?}\n{after:?}");
    assert_eq!(after.connections, before.connections);
    assert_eq!(desk.seen().told_again(), 0);
    assert!(desk.seen().asked_once());
}

/// lapin says farewell in its own thread, and waits there for the broker's answer.
#[tokio::test]
async fn a_broker_dropped_in_a_black_hole_leaves_no_connection_behind() {
    let _alone = ALONE.lock().await;
    let before = Process::now();
    let line = line();
    let broker = connect(watchful(&line)).await;
    line.black_hole();
    let since = Instant::now();
    drop(broker);
    let after = Process::until_as_before(&before).await;
    let took = since.elapsed();
    assert_eq!(after.connections, before.connections);
    assert!(took < HEARTBEAT * 2 + BUSY, "it took {took:?}");
}

#[tokio::test]
async fn a_broker_closed_in_a_black_hole_leaves_no_connection_behind() {
    let _alone = ALONE.lock().await;
    let before = Process::now();
    let line = line();
    let broker = connect(patient(&line)).await;
    line.black_hole();
    within("the closing", broker.close()).await.expect_err("the broker does not answer");
    drop(broker);
    let after = Process::until_as_before(&before).await;
    assert_eq!(after.connections, before.connections);
}
