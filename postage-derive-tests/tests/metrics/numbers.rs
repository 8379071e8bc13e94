//! The numbers after what happened.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::{ConnectionState, DeadLetters, Queue};
use testbed::Proxy;
use tokio::time::timeout;

use crate::recorded::{Recorder, described};
use crate::services::{Desk, OrderDeskProducer, Orders};

/// For what has ended already, and longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn client(broker: &Broker) -> OrderDeskProducer {
    OrderDeskProducer::new(broker, Fingerprint::new("shop", "front-end"))
}

#[tokio::test]
async fn calls_and_their_handling_are_counted_by_how_they_end() {
    let recorder = Recorder::new();
    let _listening = recorder.listen();
    let broker = Broker::memory();
    let desk = broker.serve(Desk).await.unwrap();
    let client = client(&broker);
    client.place("anvil").await.unwrap();
    client.place("hammer").await.unwrap();
    client.place("moon").await.unwrap_err();
    client.place("bomb").await.unwrap_err();
    desk.drain(DEADLINE).await;
    assert_eq!(
        recorder.numbers(),
        [
            "postage_call_duration_seconds exchange=orders method=place: 4 values",
            "postage_calls_in_flight: now 0",
            "postage_calls_total exchange=orders method=place outcome=documented_error: 1",
            "postage_calls_total exchange=orders method=place outcome=exception: 1",
            "postage_calls_total exchange=orders method=place outcome=success: 2",
            "postage_deliveries_in_flight service=Desk: now 0",
            "postage_handled_total service=Desk handler=place outcome=done: 3",
            "postage_handled_total service=Desk handler=place outcome=exception: 1",
            "postage_handler_duration_seconds service=Desk handler=place: 4 values",
            "postage_settled_total service=Desk outcome=acked: 3",
            "postage_settled_total service=Desk outcome=rejected: 1",
        ]
    );
}

#[tokio::test]
async fn sends_and_dead_letters_are_counted() {
    let recorder = Recorder::new();
    let _listening = recorder.listen();
    let broker = Broker::memory();
    client(&broker).restock("anvil").await.unwrap_err();
    broker.declare_queue(&Queue::new("dead")).await.unwrap();
    let queue = Queue::new("with-dead-letters").dead_letter("").dead_letter_key("dead");
    let desk = broker.serve(Desk).bind(Orders::ROUTE, queue, "other").await.unwrap();
    let mut dead = DeadLetters::open(&broker, "dead").await.unwrap();
    client(&broker).restock("moon").key("other").await.unwrap();
    client(&broker).restock("anvil").await.unwrap();
    let letter = timeout(DEADLINE, dead.next()).await.unwrap().unwrap().unwrap();
    letter.discard().await.unwrap();
    // It comes after the anvil.
    client(&broker).place("anvil").await.unwrap();
    desk.drain(DEADLINE).await;
    let mut numbers = recorder.numbers();
    numbers.retain(|line| !line.contains("call") && !line.contains("place"));
    assert_eq!(
        numbers,
        [
            "postage_deliveries_in_flight service=Desk: now 0",
            "postage_handled_total service=Desk handler=restock outcome=done: 1",
            "postage_handled_total service=Desk handler=restock outcome=reject: 1",
            "postage_handler_duration_seconds service=Desk handler=restock: 2 values",
            "postage_send_duration_seconds exchange=orders: 3 values",
            "postage_sends_total exchange=orders outcome=success: 2",
            "postage_sends_total exchange=orders outcome=unroutable: 1",
            "postage_settled_total service=Desk outcome=acked: 2",
            "postage_settled_total service=Desk outcome=dead_lettered: 1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_after_the_first_are_counted_and_calls_by_a_text_share_a_name() {
    let recorder = Recorder::new();
    let _listening = recorder.listen();
    let broker = Broker::memory();
    let desk = broker.serve(Desk).no_dedup().await.unwrap();
    let call = client(&broker).second_time().timeout(Duration::from_secs(1)).max_retry(1);
    assert_eq!(call.await.unwrap(), 2);
    let untyped = Producer::new(&broker, Fingerprint::default()).eks([(Orders::ROUTE, "desk")]);
    untyped.rpc::<u64>("no such", ()).await.unwrap_err();
    // The first attempt is still with its handler.
    desk.drain(Duration::from_millis(10)).await;
    let numbers = recorder.numbers();
    for line in [
        "postage_call_retries_total exchange=orders method=second_time: 1",
        "postage_calls_total exchange=orders method=second_time outcome=success: 1",
        "postage_calls_total exchange=orders method=untyped outcome=exception: 1",
        "postage_handled_total service=Desk handler=second_time outcome=done: 1",
    ] {
        assert!(numbers.iter().any(|number| number == line), "{line}: {numbers:#?}");
    }
    assert!(!format!("{numbers:?}").contains("no such"), "{numbers:#?}");
}

#[tokio::test]
async fn what_is_under_way_is_shown_and_what_is_given_up_counted() {
    let recorder = Recorder::new();
    let _listening = recorder.listen();
    let broker = Broker::memory();
    let _desk = broker.serve(Desk).await.unwrap();
    let ticket = client(&broker).second_time().detach().await.unwrap();
    let numbers = recorder.numbers();
    assert!(numbers.contains(&"postage_calls_in_flight: now 1".to_owned()), "{numbers:#?}");
    drop(ticket);
    let call = client(&broker).second_time().timeout(Duration::from_millis(1)).max_retry(0);
    call.await.unwrap_err();
    let numbers = recorder.numbers();
    for outcome in ["dropped", "timed_out"] {
        let line =
            format!("postage_calls_total exchange=orders method=second_time outcome={outcome}: 1");
        assert!(numbers.contains(&line), "{line}: {numbers:#?}");
    }
}

#[tokio::test]
async fn connections_made_again_are_counted() {
    let recorder = Recorder::new();
    let _listening = recorder.listen();
    let url = testbed::broker_url();
    let line = Proxy::start_before(&url).unwrap();
    let broker = Broker::connect(&line.url_for(&url)).await.unwrap();
    let mut state = broker.state();
    line.cut();
    let back = |state: &ConnectionState| matches!(state, ConnectionState::Connected { session: 2 });
    timeout(DEADLINE, state.wait_for(back)).await.unwrap().unwrap();
    assert_eq!(recorder.numbers(), ["postage_reconnects_total: 1"]);
    broker.close().await.unwrap();
}

#[tokio::test]
async fn each_metric_says_what_it_is_and_in_which_unit() {
    use metrics::Unit;

    // With the recorder of the process.
    drop(Recorder::new());
    let broker = Broker::memory();
    let desk = broker.serve(Desk).await.unwrap();
    client(&broker).place("anvil").await.unwrap();
    client(&broker).restock("anvil").await.unwrap();
    desk.drain(DEADLINE).await;
    let described = described();
    assert_eq!(described.len(), 9, "{described:#?}");
    for (name, (unit, what)) in described {
        let seconds = name.ends_with("_seconds");
        assert_eq!(unit, Some(if seconds { Unit::Seconds } else { Unit::Count }), "{name}");
        assert!(what.is_some_and(|what| !what.is_empty()), "{name}");
    }
}
