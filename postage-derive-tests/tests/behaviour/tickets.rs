//! Calls whose answer is awaited later.

use std::time::Duration;

use futures_util::future::poll_immediate;
use postage_core::CallFault;
use postage_core::prelude::*;

use crate::world::{Voice, World, left_in, line, seen, within};

struct Counter {
    voice: Voice,
}

#[message_processor]
impl Counter {
    #[rpc_handler]
    fn double(&self, number: u32) -> u32 {
        self.voice.say(format!("doubles {number}"));
        number * 2
    }
}

on_every_broker! {
    a_detached_call_is_answered_when_its_ticket_is_awaited,
    a_dropped_ticket_does_not_take_the_request_back,
    a_ticket_that_is_awaited_in_vain_times_out,
    a_call_under_way_cannot_be_detached,
}

async fn a_detached_call_is_answered_when_its_ticket_is_awaited(world: World) {
    let broker = world.broker().await;
    let place = world.place("counter");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Counter { voice }).await;
    let producer = place.producer(&broker);

    let mut tickets = Vec::new();
    for number in 1..=3u32 {
        let call = producer.rpc::<u32>("double", number);
        tickets.push(within("a ticket", call.detach()).await.expect("the request is sent"));
    }
    for _ in 0..3 {
        ear.hears().await;
    }
    assert_eq!(tickets[0].reply_to(), tickets[1].reply_to());
    assert_ne!(tickets[0].id(), tickets[1].id());
    let mut values = Vec::new();
    for ticket in tickets.into_iter().rev() {
        values.push(within("an answer", ticket).await.expect("the call is answered"));
    }
    assert_eq!(values, [6, 4, 2]);
}

async fn a_dropped_ticket_does_not_take_the_request_back(world: World) {
    let broker = world.broker().await;
    let place = world.place("counter");
    place.declare(&broker).await;
    let call = place.producer(&broker).rpc::<u32>("double", 4);
    drop(within("a ticket", call.detach()).await.expect("the request is sent"));

    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Counter { voice }).await;
    assert_eq!(ear.hears().await, "doubles 4");
}

async fn a_ticket_that_is_awaited_in_vain_times_out(world: World) {
    let broker = world.broker().await;
    let place = world.place("counter");
    place.declare(&broker).await;
    let call = place.producer(&broker).rpc::<u32>("double", 4);
    let call = call.timeout(Duration::from_millis(500)).max_retry(1);
    let ticket = within("a ticket", call.detach()).await.expect("the request is sent");
    match within("the end of the call", ticket).await {
        Err(CallFault::TimedOut { attempts, .. }) => assert_eq!(attempts, 2),
        other => panic!("{other:?}"),
    }
    // They expire by the broker's clock, which began a moment later.
    let mut dead = place.dead_letters(&broker).await;
    for _ in 0..2 {
        assert_eq!(seen(&mut dead).await.parameters(), 4, "the requests expired with the call");
    }
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn a_call_under_way_cannot_be_detached(world: World) {
    let broker = world.broker().await;
    let place = world.place("counter");
    place.declare(&broker).await;
    let mut call = place.producer(&broker).rpc::<u32>("double", 4);
    assert!(poll_immediate(&mut call).await.is_none());
    let refused = call.detach().await.unwrap_err();
    assert!(matches!(refused, CallFault::UnderWay), "{refused:?}");
    assert!(refused.to_string().contains("before it is awaited"), "{refused}");
}
