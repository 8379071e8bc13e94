//! The line that a caller's replies come over fails. The service's line is good.

use std::sync::Arc;
use std::time::Duration;

use postage_core::{Broker, CallFault, Config, Producer, Serving};
use testbed::Proxy;
use tokio::time::Instant;

use crate::desk::Desk;
use crate::world::{
    BUSY, HEARTBEAT, Place, answered, ask_all, connect, direct, line, patient, session, until_lost,
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

/// The reply address is open: a first call was answered.
async fn stage(config: impl Fn(&Proxy) -> Config) -> Stage {
    let (place, line) = (Place::new(), line());
    let services = direct().await;
    let (desk, serving) = place.served(&services).await;
    let broker = connect(config(&line)).await;
    let producer = place.producer(&broker);
    answered(ask_all(&producer, [0])).await;
    Stage { line, broker, producer, desk, _serving: serving, _services: services }
}

#[tokio::test]
async fn cut_with_calls_pending_each_of_them_is_answered() {
    let stage = stage(watchful).await;
    stage.desk.shut();
    let calls = ask_all(&stage.producer, 1..=20);
    stage.desk.until_begun(1 + 20).await;
    stage.line.cut();
    until_session(&stage.broker, 2).await;
    stage.desk.open();
    answered(calls).await;
    assert!(stage.desk.seen().asked_once());
}

#[tokio::test]
async fn a_stall_delays_answers_and_asks_nothing_twice() {
    let stage = stage(patient).await;
    stage.desk.shut();
    let calls = ask_all(&stage.producer, 1..=20);
    stage.desk.until_begun(1 + 20).await;
    stage.line.stall();
    stage.desk.open();
    stage.desk.until("all to be asked", |seen| seen.asked.len() == 21).await;
    stage.line.restore().unwrap();
    answered(calls).await;
    assert!(stage.desk.seen().asked_once());
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn a_black_hole_is_noticed_within_two_heartbeats_and_pending_calls_are_answered() {
    let stage = stage(watchful).await;
    stage.desk.shut();
    let calls = ask_all(&stage.producer, 1..=20);
    stage.desk.until_begun(1 + 20).await;
    stage.line.black_hole();
    let noticed = until_lost(&stage.broker).await;
    assert!(noticed < HEARTBEAT * 2 + BUSY, "noticed after {noticed:?}");

    // These answers go to a reply queue that nobody can read any more.
    stage.desk.open();
    stage.line.restore().unwrap();
    answered(calls).await;
    assert!(stage.desk.seen().asked_once());
}

#[tokio::test]
async fn a_slow_line_is_no_lost_one() {
    let stage = stage(watchful).await;
    stage.line.slow(12_000);
    let since = Instant::now();
    answered(ask_all(&stage.producer, 1..=80)).await;
    let took = since.elapsed();
    assert!(took > HEARTBEAT * 2, "too fast to show anything: {took:?}");
    assert!(stage.desk.seen().asked_once());
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn a_call_that_is_given_up_says_so_and_the_next_goes_over_a_restored_line() {
    let stage = stage(watchful).await;
    stage.line.refuse();
    until_lost(&stage.broker).await;
    let call = stage.producer.rpc::<u64>("double", 1);
    let call = call.timeout(Duration::from_millis(300)).max_retry(0);
    let ended = within("a call with a limit", call).await;
    assert!(matches!(ended, Err(CallFault::Disconnected { .. })), "{ended:?}");

    stage.line.restore().unwrap();
    answered(ask_all(&stage.producer, [2])).await;
    assert!(!stage.desk.seen().asked.contains_key(&1), "it was given up before it was sent");
    assert_eq!(session(&stage.broker), Some(2));
}

#[tokio::test]
async fn the_reply_queue_deleted_with_calls_pending_each_of_them_is_answered() {
    let stage = stage(watchful).await;
    stage.desk.shut();
    let calls = ask_all(&stage.producer, 1..=20);
    let ticket = stage.producer.rpc::<u64>("double", 21).timeout(Duration::from_secs(30));
    let ticket = within("a ticket", ticket.detach()).await.unwrap();
    stage.desk.until_begun(1 + 21).await;

    // The queue is the connection's own, so nobody else could.
    stage.broker.transport().delete_queue(ticket.reply_to()).await.unwrap();
    stage.desk.open();
    answered(calls).await;
    assert_eq!(within("the ticket's answer", ticket).await.unwrap(), 42);
    assert!(stage.desk.seen().asked_once());
    assert_eq!(session(&stage.broker), Some(1), "only the queue was lost");
}
