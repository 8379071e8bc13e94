//! Services that give signs of life, and those that have died.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_immediate;
use postage_core::Event;
use postage_core::prelude::*;
use serde_json::json;

use super::{Inbox, next, served, yard};
use crate::world::{DEADLINE, World, nothing_more, within};

/// A heartbeat as short as may be.
const BEAT: Duration = Duration::from_millis(100);

on_every_broker! {
    slow_work_with_heartbeats_is_waited_for,
    a_service_that_died_is_silent_long_before_the_call_is_out_of_time,
    a_request_that_nobody_has_taken_is_not_silent,
}

async fn slow_work_with_heartbeats_is_waited_for(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, mut ear) = yard();
    // The second waits for its turn, and is waited for as well.
    let served = place.serve_with(&broker, Arc::clone(&yard), |serve| serve.concurrency(1));
    let _serving = served.await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-heartbeat", 500.into())];
    inbox.asks((&broker, &place), "1", ("haul", json!(1)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 1");
    let call = place.producer(&broker).rpc::<u32>("haul", 2).heartbeat(BEAT * 10);
    let mut call = tokio::spawn(call);
    // Longer than the second might be silent.
    for _ in 0..12 {
        let beat = inbox.next().await;
        assert_eq!((beat.name(), beat.json()["content"].clone()), ("heartbeat".into(), json!({})));
    }
    assert!(poll_immediate(&mut call).await.is_none(), "it is waited for");
    yard.gate.open(2);
    assert_eq!(within("the call", call).await.unwrap().unwrap(), 2);
    let mut last = inbox.next().await;
    while last.name() == "heartbeat" {
        last = inbox.next().await;
    }
    assert_eq!(last.json()["content"]["value"], 1);
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn a_service_that_died_is_silent_long_before_the_call_is_out_of_time(world: World) {
    let (servers, place, _yard, _serving, _ear) = served(&world).await;
    let broker = world.broker().await;
    let call = place.producer(&broker).rpc::<u32>("haul", 7).heartbeat(BEAT);
    let mut events = call.timeout(DEADLINE * 10).events();
    assert!(matches!(next(&mut events).await, Event::Accepted));
    within("the end of the service", servers.close()).await.unwrap();
    loop {
        match next(&mut events).await {
            Event::Ended(Err(CallFault::Silent { silent, .. })) => {
                assert!(silent >= BEAT * 3, "{silent:?}");
                return;
            }
            Event::Ended(result) => panic!("{result:?}"),
            _ => {}
        }
    }
}

async fn a_request_that_nobody_has_taken_is_not_silent(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    place.declare(&broker).await;
    let call = place.producer(&broker).rpc::<u32>("haul", 7).heartbeat(BEAT);
    match within("the end of the call", call.timeout(BEAT * 6).max_retry(0)).await {
        Err(CallFault::TimedOut { .. }) => {}
        other => panic!("{other:?}"),
    }
}
