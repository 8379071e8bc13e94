//! The state of the connection as its watchers see it, and stopping while there is none.

use std::time::Duration;

use postage_core::transport::{ConnectionState, TransportError};
use postage_core::{CallFault, SendError, Stopped};
use tokio::time::{Instant, timeout};

use crate::world::{
    Look, Place, SLACK, connect, direct, line, patient, tell_all, until_lost, until_session,
    watchful, within,
};

#[tokio::test]
async fn the_state_goes_from_connected_over_reconnecting_to_the_next_session_and_to_closed() {
    let line = line();
    let broker = connect(watchful(&line)).await;
    let mut state = broker.state();
    assert!(matches!(*state.borrow_and_update(), ConnectionState::Connected { session: 1 }));

    line.refuse();
    let tried = |state: &ConnectionState| matches!(state, ConnectionState::Reconnecting { attempts, reason } if *attempts >= 2 && !reason.is_empty());
    within("two attempts", state.wait_for(tried)).await.unwrap();
    line.restore().unwrap();
    until_session(&broker, 2).await;
    assert!(matches!(*state.borrow_and_update(), ConnectionState::Connected { session: 2 }));

    broker.close().await.unwrap();
    assert!(matches!(*state.borrow_and_update(), ConnectionState::Closed));
    line.wait_for_open(0, Duration::from_secs(5)).await.unwrap();
    assert!(!state.has_changed().unwrap_or(false), "closed is for good");
}

#[tokio::test]
async fn reset_connections_are_replaced_at_once() {
    let line = line();
    let broker = connect(watchful(&line)).await;
    for session in 2..=11 {
        let since = Instant::now();
        line.cut();
        until_session(&broker, session).await;
        assert!(since.elapsed() < SLACK, "it took {:?}", since.elapsed());
    }
}

#[tokio::test]
async fn draining_while_disconnected_ends_by_its_limit_and_waits_for_handlers_until_then() {
    let (place, line) = (Place::new(), line());
    let services = connect(watchful(&line)).await;
    let (desk, serving) = place.served(&services).await;
    let (senders, look) = (direct().await, Look::at_shared().await);
    desk.shut();
    tell_all(&place.producer(&senders), 1..=3).await.unwrap();
    desk.until_begun(3).await;
    line.refuse();
    until_lost(&services).await;

    let limit = Duration::from_millis(500);
    let since = Instant::now();
    let left = within("the drain", serving.drain(limit)).await;
    let took = since.elapsed();
    assert!(took < limit + SLACK, "it took {took:?}");
    assert_eq!(left.cut_off, 3);
    // What was cut off is in the queue again.
    look.until(place.queue.name(), 3, 0).await;
}

#[tokio::test]
async fn draining_an_idle_service_while_disconnected_ends_at_once() {
    let (place, line) = (Place::new(), line());
    let services = connect(watchful(&line)).await;
    let (_desk, serving) = place.served(&services).await;
    line.refuse();
    until_lost(&services).await;
    let since = Instant::now();
    within("the drain", serving.drain(Duration::from_secs(30))).await;
    assert!(since.elapsed() < SLACK, "it took {:?}", since.elapsed());
}

/// Acknowledgements are written together, a little after they are given. A program that ends with its
/// drain shall not leave one behind.
#[tokio::test]
async fn a_drain_waits_until_the_broker_knows_what_was_handled() {
    let (place, line) = (Place::new(), line());
    let services = connect(patient(&line)).await;
    let (desk, serving) = place.served(&services).await;
    let (senders, look) = (direct().await, Look::at_shared().await);
    desk.shut();
    tell_all(&place.producer(&senders), 1..=20).await.unwrap();
    desk.until_begun(20).await;
    let mut draining = tokio::spawn(serving.drain(Duration::from_secs(40)));
    // Its consumer has gone, so that only the acknowledgements are still to be written.
    look.until(place.queue.name(), 0, 0).await;

    line.stall();
    desk.open();
    desk.until_told(1..=20).await;
    let early = timeout(Duration::from_millis(500), &mut draining).await;
    assert!(early.is_err(), "the broker has not heard of it: {early:?}");
    line.restore().unwrap();
    let left = within("the drain", draining).await.unwrap();
    assert_eq!((left.finished, left.cut_off), (20, 0));
    line.cut();
    within("the end", services.close()).await.unwrap();

    let again = direct().await;
    let (desk, _serving) = place.served(&again).await;
    tell_all(&place.producer(&senders), [21]).await.unwrap();
    desk.until_told([21]).await;
    assert_eq!(desk.seen().begun, 1, "what was handled came again");
}

#[tokio::test]
async fn draining_into_a_black_hole_ends_by_its_limit() {
    let (place, line) = (Place::new(), line());
    let services = connect(patient(&line)).await;
    let (_desk, serving) = place.served(&services).await;
    line.black_hole();
    let limit = Duration::from_millis(500);
    let since = Instant::now();
    within("the drain", serving.drain(limit)).await;
    assert!(since.elapsed() < limit + SLACK, "it took {:?}", since.elapsed());
}

#[tokio::test]
async fn closing_while_disconnected_ends_at_once_and_ends_all_that_waited() {
    let (place, line) = (Place::new(), line());
    let broker = connect(watchful(&line)).await;
    let (_desk, serving) = place.served(&broker).await;
    let producer = place.producer(&broker);
    line.refuse();
    until_lost(&broker).await;
    let send = tokio::spawn(producer.command("tell", 1));
    let call = tokio::spawn(producer.rpc::<u64>("double", 1));
    tokio::task::yield_now().await;

    let since = Instant::now();
    within("the closing", broker.close()).await.unwrap();
    let sent = within("the send", send).await.unwrap();
    assert!(matches!(sent, Err(SendError::Disconnected { .. })), "{sent:?}");
    let called = within("the call", call).await.unwrap();
    assert!(matches!(called, Err(CallFault::Disconnected { .. })), "{called:?}");
    let stopped = within("the service", serving.stopped()).await;
    assert!(matches!(stopped, Stopped::Failed(_)), "{stopped:?}");
    assert!(since.elapsed() < SLACK, "it took {:?}", since.elapsed());

    // It stays closed when the broker is there again.
    let connections = line.total_connections();
    line.restore().unwrap();
    let later = within("a send", producer.command("tell", 2)).await;
    assert!(matches!(later, Err(SendError::Disconnected { .. })), "{later:?}");
    assert_eq!(line.total_connections(), connections);
}

#[tokio::test]
async fn closing_into_a_black_hole_ends_in_a_bounded_time() {
    let line = line();
    let broker = connect(patient(&line)).await;
    line.black_hole();
    let since = Instant::now();
    let closed = within("the closing", broker.close()).await;
    assert!(matches!(closed, Err(TransportError::Disconnected { .. })), "{closed:?}");
    let took = since.elapsed();
    assert!(took < Duration::from_secs(5) + SLACK, "it took {took:?}");
}
