//! The line of a publisher fails. The service's line is good.

use std::sync::Arc;
use std::time::Duration;

use postage_core::{Broker, Config, Producer, SendError, Serving};
use testbed::Proxy;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use crate::desk::Desk;
use crate::world::{
    BUSY, HEARTBEAT, Place, connect, direct, line, patient, session, tell_all, until_lost,
    until_session, watchful, within,
};

struct Stage {
    line: Proxy,
    broker: Broker,
    producer: Producer,
    desk: Arc<Desk>,
    _serving: Serving,
    _services: Broker,
}

/// The exchange is declared, and a first message has gone through.
async fn stage(config: impl Fn(&Proxy) -> Config) -> Stage {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (desk, serving) = place.served(&services).await;
    let broker = connect(config(&line)).await;
    let producer = place.producer(&broker);
    within("the first send", producer.command("tell", 0)).await.unwrap();
    Stage { line, broker, producer, desk, _serving: serving, _services: services }
}

#[tokio::test]
async fn cut_amid_sends_each_of_them_is_confirmed_and_handled() {
    let stage = stage(watchful).await;
    stage.line.cut_after(30_000);
    tell_all(&stage.producer, 1..=300).await.unwrap();
    until_session(&stage.broker, 2).await;
    stage.desk.until_told(1..=300).await;
    assert_eq!(stage.desk.seen().told_again(), 0, "what is sent again has the same id");
}

#[tokio::test]
async fn a_stall_delays_sends_and_doubles_none() {
    let stage = stage(patient).await;
    stage.line.stall();
    let limited = stage.producer.command("tell", 1).within(Duration::from_millis(300));
    let ended = within("a send with a limit", limited).await;
    assert!(matches!(ended, Err(SendError::TimedOut { .. })), "{ended:?}");

    let producer = stage.producer.clone();
    let sends = tokio::spawn(async move { tell_all(&producer, 2..=50).await });
    stage.line.restore().unwrap();
    sends.await.unwrap().unwrap();
    stage.desk.until_told(2..=50).await;
    assert_eq!(stage.desk.seen().told_again(), 0);
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn on_a_stalled_line_a_bounded_number_of_sends_is_outstanding_and_the_others_wait() {
    /// With the broker, and waiting for a place among those.
    const OUTSTANDING: usize = 1024 + 256;
    const LAST: u64 = 3_000;
    let stage = stage(patient).await;
    stage.line.stall();
    let mut sends = JoinSet::new();
    for number in 1..LAST {
        sends.spawn(stage.producer.command("tell", number));
    }
    // Each has many turns.
    for _ in 0..2_000 {
        yield_now().await;
    }
    // Those that wait for a place are never sent.
    sends.shutdown().await;

    stage.line.restore().unwrap();
    within("the last send", stage.producer.command("tell", LAST)).await.unwrap();
    stage.desk.until_told([LAST]).await;
    let told = stage.desk.seen().told.len() - 2;
    assert!(told > 100 && told <= OUTSTANDING, "{told} were outstanding");
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn a_black_hole_is_noticed_within_two_heartbeats_and_loses_no_send() {
    let stage = stage(watchful).await;
    stage.line.black_hole();
    let producer = stage.producer.clone();
    let sends = tokio::spawn(async move { tell_all(&producer, 1..=50).await });
    let noticed = until_lost(&stage.broker).await;
    assert!(noticed < HEARTBEAT * 2 + BUSY, "noticed after {noticed:?}");

    stage.line.restore().unwrap();
    sends.await.unwrap().unwrap();
    stage.desk.until_told(1..=50).await;
    assert_eq!(stage.desk.seen().told_again(), 0);
}

#[tokio::test]
async fn a_slow_line_is_no_lost_one() {
    let stage = stage(watchful).await;
    stage.line.slow(12_000);
    let since = Instant::now();
    tell_all(&stage.producer, 1..=100).await.unwrap();
    let took = since.elapsed();
    assert!(took > HEARTBEAT * 2, "too fast to show anything: {took:?}");
    stage.desk.until_told(1..=100).await;
    assert_eq!(stage.desk.seen().told_again(), 0);
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn a_send_that_is_given_up_says_so_and_the_next_goes_through_a_restored_line() {
    let stage = stage(watchful).await;
    stage.line.refuse();
    until_lost(&stage.broker).await;
    let limited = stage.producer.command("tell", 1).within(Duration::from_millis(300));
    let ended = within("a send with a limit", limited).await;
    assert!(matches!(ended, Err(SendError::Disconnected { .. })), "{ended:?}");

    stage.line.restore().unwrap();
    within("the next send", stage.producer.command("tell", 2)).await.unwrap();
    stage.desk.until_told([2]).await;
    assert!(!stage.desk.seen().told.contains_key(&1), "it was given up before it was sent");
    assert_eq!(session(&stage.broker), Some(2));
}
