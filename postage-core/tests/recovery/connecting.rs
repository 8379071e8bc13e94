//! The line fails while the first connection is made over it, or one of several hosts is gone.

use std::time::Duration;

use postage_core::{Broker, Config, TransportError};
use testbed::Proxy;
use tokio::time::Instant;

use crate::world::{
    BUSY, SLACK, answered, ask_all, connect, direct, line, patient, session, until_session,
    watchful, within,
};
use crate::world::{Place, until_lost};

/// Less than the handshake of one connection.
const AMID_THE_HANDSHAKE: u64 = 60;

fn failed(outcome: Result<Broker, TransportError>, line: &Proxy) {
    match outcome {
        Err(error @ TransportError::Connect { .. }) => {
            let (said, port) = (error.to_string(), line.address().port().to_string());
            assert!(said.contains(&port), "{said}");
        }
        other => panic!("{other:?}"),
    }
}

async fn works(broker: &Broker) {
    let place = Place::new();
    let (_desk, _serving) = place.served(broker).await;
    answered(ask_all(&place.producer(broker), [1])).await;
}

#[tokio::test]
async fn a_cut_handshake_is_an_error_at_once_and_nothing_to_who_waits_for_the_broker() {
    let line = line();
    line.cut_after(AMID_THE_HANDSHAKE);
    failed(within("the end", Broker::connect_with(watchful(&line))).await, &line);

    line.cut_after(AMID_THE_HANDSHAKE);
    let waits = watchful(&line).wait_for_broker(Duration::from_secs(20));
    works(&connect(waits).await).await;
}

#[tokio::test]
async fn a_stalled_handshake_goes_on_when_the_line_does() {
    let line = line();
    line.stall();
    let config = patient(&line).connect_timeout(Duration::from_secs(20));
    let connecting = tokio::spawn(Broker::connect_with(config));
    line.wait_for_connections(2, Duration::from_secs(10)).await.unwrap();
    line.restore().unwrap();
    let broker = within("the connection", connecting).await.unwrap().unwrap();
    assert_eq!(line.total_connections(), 2, "one to publish, one to consume, and none in vain");
    works(&broker).await;
}

#[tokio::test]
async fn a_handshake_in_a_black_hole_ends_with_the_connect_timeout() {
    let line = line();
    line.black_hole();
    let since = Instant::now();
    failed(within("the end", Broker::connect_with(watchful(&line))).await, &line);
    let took = since.elapsed();
    assert!(took < Duration::from_secs(1) + SLACK, "it took {took:?}");
}

#[tokio::test]
async fn a_slow_handshake_is_waited_for() {
    let line = line();
    line.slow(2_000);
    let broker = connect(patient(&line)).await;
    line.restore().unwrap();
    works(&broker).await;
}

#[tokio::test]
async fn who_waits_for_the_broker_is_connected_once_the_line_is_restored() {
    let line = line();
    line.black_hole();
    let config = watchful(&line).connect_timeout(Duration::from_millis(200));
    let connecting =
        tokio::spawn(Broker::connect_with(config.wait_for_broker(Duration::from_secs(30))));
    // The first attempt has failed when the second is made.
    line.wait_for_connections(3, Duration::from_secs(10)).await.unwrap();
    line.restore().unwrap();
    let broker = within("the connection", connecting).await.unwrap().unwrap();
    assert_eq!(session(&broker), Some(1));
    works(&broker).await;
}

#[tokio::test]
async fn who_waits_for_a_broker_that_never_comes_is_told_within_the_limit() {
    let limit = Duration::from_secs(1);
    let line = line();
    line.refuse();
    let since = Instant::now();
    failed(
        within("the end", Broker::connect_with(watchful(&line).wait_for_broker(limit))).await,
        &line,
    );
    assert!(since.elapsed() < limit + SLACK, "it took {:?}", since.elapsed());

    // Also where each attempt alone could take longer than that.
    line.restore().unwrap();
    line.black_hole();
    let slow_to_give_up = watchful(&line).connect_timeout(Duration::from_millis(700));
    let since = Instant::now();
    let ended =
        within("the end", Broker::connect_with(slow_to_give_up.wait_for_broker(limit))).await;
    failed(ended, &line);
    assert!(since.elapsed() < limit + SLACK, "it took {:?}", since.elapsed());
}

#[tokio::test]
async fn hosts_in_a_black_hole_take_no_more_than_the_limit_and_leave_time_for_the_next() {
    let (one, other, third) = (line(), line(), line());
    let config = patient(&one).connect_timeout(Duration::from_secs(30));
    let config = config.or_host("127.0.0.1", other.address().port());
    let config = config.or_host("127.0.0.1", third.address().port());
    one.black_hole();
    other.black_hole();
    third.black_hole();
    let limit = Duration::from_secs(3);
    let since = Instant::now();
    let ended =
        within("the end", Broker::connect_with(config.clone().wait_for_broker(limit))).await;
    failed(ended, &third);
    assert!(since.elapsed() < limit + BUSY, "it took {:?}", since.elapsed());
    assert!(third.total_connections() > 0, "the last host was tried too");

    third.restore().unwrap();
    let limit = Duration::from_secs(9);
    let since = Instant::now();
    let broker = connect(config.wait_for_broker(limit)).await;
    assert!(since.elapsed() < limit, "it took {:?}", since.elapsed());
    works(&broker).await;
}

#[tokio::test]
async fn several_hosts_are_tried_in_turn_at_first_and_after_each_loss() {
    let (one, other) = (line(), line());
    one.refuse();
    let beside = |config: Config| config.or_host("127.0.0.1", other.address().port());
    let broker = connect(beside(watchful(&one))).await;
    assert_eq!((one.connections(), other.connections()), (0, 2));

    let place = Place::new();
    let (_desk, _serving) = place.served(&broker).await;
    let callers = direct().await;
    let producer = place.producer(&callers);
    for (turn, (good, bad)) in [(&one, &other), (&other, &one)].into_iter().enumerate() {
        good.restore().unwrap();
        bad.refuse();
        until_session(&broker, 2 + turn as u64).await;
        good.wait_for_open(2, Duration::from_secs(10)).await.unwrap();
        answered(ask_all(&producer, [1])).await;
    }
    // With all gone, it is whichever comes back.
    other.refuse();
    until_lost(&broker).await;
    one.restore().unwrap();
    until_session(&broker, 4).await;
    answered(ask_all(&producer, [2])).await;
}
