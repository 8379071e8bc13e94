//! The line of a service fails. Its sender's line is good.

use std::sync::Arc;

use postage_core::transport::ConnectionState;
use postage_core::{Broker, Config, Producer, ServeError, Serving, TransportError};
use testbed::Proxy;
use tokio::time::Instant;

use crate::desk::Desk;
use crate::world::{
    BUSY, HEARTBEAT, Look, Place, connect, direct, line, patient, session, tell_all, until_lost,
    until_session, watchful, within,
};

const PREFETCH: u16 = 5;

struct Stage {
    line: Proxy,
    broker: Broker,
    producer: Producer,
    place: Place,
    desk: Arc<Desk>,
    look: Look,
    _serving: Serving,
    _senders: Broker,
}

async fn stage(config: impl Fn(&Proxy) -> Config) -> Stage {
    let (place, line) = (Place::new(), line());
    let broker = connect(config(&line)).await;
    let desk = Arc::new(Desk::default());
    let served = place.serve(&broker, &desk).prefetch(PREFETCH).concurrency(100);
    let serving = within("a service", served.into_future()).await.unwrap();
    let senders = direct().await;
    let producer = place.producer(&senders);
    let look = Look::at_shared().await;
    Stage { line, broker, producer, place, desk, look, _serving: serving, _senders: senders }
}

impl Stage {
    /// The queue's one consumer is there, and all is settled.
    async fn until_quiet(&self) {
        self.look.until(self.place.queue.name(), 0, 1).await;
    }
}

#[tokio::test]
async fn cut_amid_deliveries_each_of_them_is_handled_and_the_prefetch_holds_again() {
    let stage = stage(watchful).await;
    let producer = stage.producer.clone();
    let sends = tokio::spawn(async move { tell_all(&producer, 1..=300).await });
    stage.desk.until("a third of them", |seen| seen.told.len() >= 100).await;
    stage.line.cut();
    sends.await.unwrap().unwrap();
    stage.desk.until_told(1..=300).await;
    stage.until_quiet().await;
    until_session(&stage.broker, 2).await;
    assert_eq!(stage.desk.seen().told_again(), 0, "the service knows what it has done");

    stage.desk.shut();
    let begun = stage.desk.seen().begun;
    tell_all(&stage.producer, 301..=320).await.unwrap();
    stage.desk.until_begun(begun + usize::from(PREFETCH)).await;
    stage.look.until(stage.place.queue.name(), 20 - u32::from(PREFETCH), 1).await;
    stage.desk.open();
    stage.desk.until_told(301..=320).await;
}

#[tokio::test]
async fn a_stall_holds_deliveries_back_and_doubles_none() {
    let stage = stage(patient).await;
    stage.line.stall();
    tell_all(&stage.producer, 1..=50).await.unwrap();
    // The broker has sent what the prefetch allows, and after that to another service, which has it.
    stage.look.until(stage.place.queue.name(), 50 - u32::from(PREFETCH), 1).await;
    let (beside, senders) = (Place::new(), direct().await);
    let (marked, _beside) = beside.served(&senders).await;
    tell_all(&beside.producer(&senders), [1]).await.unwrap();
    marked.until_told([1]).await;
    assert!(stage.desk.seen().told.is_empty(), "the stall lets deliveries through");
    stage.line.restore().unwrap();
    stage.desk.until_told(1..=50).await;
    stage.until_quiet().await;
    assert_eq!(stage.desk.seen().told_again(), 0);
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn a_black_hole_is_noticed_within_two_heartbeats_and_its_messages_come_again() {
    let stage = stage(watchful).await;
    stage.desk.shut();
    tell_all(&stage.producer, 1..=20).await.unwrap();
    stage.desk.until_begun(usize::from(PREFETCH)).await;
    stage.line.black_hole();
    let noticed = until_lost(&stage.broker).await;
    assert!(noticed < HEARTBEAT * 2 + BUSY, "noticed after {noticed:?}");

    // Those that the handlers hold cannot be acknowledged any more.
    stage.desk.open();
    stage.line.restore().unwrap();
    stage.desk.until_told(1..=20).await;
    stage.until_quiet().await;
    assert_eq!(stage.desk.seen().told_again(), 0, "the service knows what it has done");
}

#[tokio::test]
async fn a_slow_line_is_no_lost_one() {
    let stage = stage(watchful).await;
    stage.line.slow(12_000);
    let since = Instant::now();
    tell_all(&stage.producer, 1..=100).await.unwrap();
    stage.desk.until_told(1..=100).await;
    let took = since.elapsed();
    assert!(took > HEARTBEAT * 2, "too fast to show anything: {took:?}");
    stage.until_quiet().await;
    assert_eq!(stage.desk.seen().told_again(), 0);
    assert_eq!(session(&stage.broker), Some(1));
}

#[tokio::test]
async fn what_came_while_the_line_was_refused_is_handled_once_it_is_restored() {
    let stage = stage(watchful).await;
    stage.line.refuse();
    until_lost(&stage.broker).await;
    tell_all(&stage.producer, 1..=50).await.unwrap();
    assert!(stage.desk.seen().told.is_empty());
    stage.line.restore().unwrap();
    stage.desk.until_told(1..=50).await;
    stage.until_quiet().await;
    assert_eq!(stage.desk.seen().told_again(), 0);
    assert_eq!(session(&stage.broker), Some(2));
}

#[tokio::test]
async fn a_service_that_starts_while_the_line_is_down_is_there_once_it_is_restored() {
    let (place, line) = (Place::new(), line());
    let broker = connect(watchful(&line)).await;
    line.refuse();
    until_lost(&broker).await;
    let (starter, there) = (broker.clone(), place.clone());
    let starting = tokio::spawn(async move { there.served(&starter).await });
    let tried = |state: &ConnectionState| matches!(state, ConnectionState::Reconnecting { attempts, .. } if *attempts >= 2);
    within("two attempts", broker.state().wait_for(tried)).await.unwrap();
    assert!(!starting.is_finished());
    line.restore().unwrap();
    let (desk, _serving) = within("the service", starting).await.unwrap();
    let senders = direct().await;
    tell_all(&place.producer(&senders), 1..=5).await.unwrap();
    desk.until_told(1..=5).await;
}

/// Wherever it is cut: while a queue is declared, bound, or consumed.
#[tokio::test]
async fn a_service_that_is_cut_while_it_starts_starts_all_the_same() {
    let senders = direct().await;
    let mut cut = 0;
    for bytes in [1, 60, 120, 180, 240, 300] {
        let (place, line) = (Place::new(), line());
        let broker = connect(patient(&line)).await;
        line.cut_after(bytes);
        let (desk, _serving) = place.served(&broker).await;
        tell_all(&place.producer(&senders), 1..=5).await.unwrap();
        desk.until_told(1..=5).await;
        cut += usize::from(session(&broker) == Some(2));
    }
    assert!(cut >= 4, "only {cut} were cut");
}

#[tokio::test]
async fn a_service_that_starts_while_the_line_is_down_ends_when_the_connection_is_closed() {
    let (place, line) = (Place::new(), line());
    let broker = connect(watchful(&line)).await;
    line.refuse();
    until_lost(&broker).await;
    let desk = Arc::new(Desk::default());
    let starting = tokio::spawn(place.serve(&broker, &desk).into_future());
    within("the closing", broker.close()).await.unwrap();
    let ended = within("the end", starting).await.unwrap();
    let disconnected =
        matches!(&ended, Err(ServeError::Transport(TransportError::Disconnected { .. })));
    assert!(disconnected, "{ended:?}");
}
