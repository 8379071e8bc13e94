//! Draining and dropping a service: what runs is finished, what has not begun goes back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::poll_immediate;
use postage_core::prelude::*;
use postage_core::transport::Subscription;
use postage_core::{Drained, SendError};
use serde_json::json;

use crate::world::{DEADLINE, Ear, Gate, Place, Voice, World, left_in, line, next, within};

struct Slow {
    voice: Voice,
    gate: Gate,
}

#[message_processor]
impl Slow {
    #[message_handler]
    async fn work(&self, number: u32) {
        self.voice.say(format!("begins {number}"));
        self.gate.pass().await;
        self.voice.say(format!("ends {number}"));
    }

    #[message_handler]
    async fn sleep(&self, seconds: u64, #[context] cx: &Context) {
        self.voice.say("sleeps");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        cx.stop_service();
    }

    #[rpc_handler]
    async fn ask(&self) -> u32 {
        self.voice.say("asked");
        self.gate.pass().await;
        4
    }
}

on_every_broker! {
    a_drained_service_finishes_what_runs_and_says_so,
    a_call_that_runs_is_answered_while_its_service_drains,
    handlers_still_running_at_the_limit_are_cut_off_and_their_messages_go_back,
    what_had_arrived_and_not_begun_goes_back_untouched,
    a_drained_service_takes_no_more,
    a_dropped_service_stops_at_once,
    an_idle_service_drains_to_nothing,
    a_service_whose_connection_is_closed_says_that_it_failed,
    a_service_whose_queue_is_deleted_brings_it_back,
}

async fn served(
    world: &World,
    change: impl FnOnce(postage_core::Serve) -> postage_core::Serve,
) -> (Broker, Place, Arc<Slow>, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("slow");
    let (voice, ear) = line();
    let slow = Arc::new(Slow { voice, gate: Gate::shut() });
    let serving = place.serve_with(&broker, Arc::clone(&slow), change).await;
    (broker, place, slow, serving, ear)
}

async fn send(broker: &Broker, place: &Place, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let message = place.producer(broker).command("work", json!({ "number": number }));
        within("a confirm", message).await.expect("it is taken");
    }
}

/// The numbers of the messages that a queue gives again, in order.
async fn numbers(messages: &mut Subscription, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let delivery = next(messages).await;
        let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
        numbers.push(body["content"]["parameters"]["number"].as_u64().unwrap());
        delivery.settle(postage_core::transport::Settlement::Ack).await.unwrap();
    }
    numbers.sort_unstable();
    numbers
}

/// A drain that has given its order.
async fn begun(serving: Serving) -> impl Future<Output = Drained> {
    let mut draining = Box::pin(serving.drain(DEADLINE));
    assert!(poll_immediate(&mut draining).await.is_none());
    draining
}

async fn a_drained_service_finishes_what_runs_and_says_so(world: World) {
    let (broker, place, slow, serving, mut ear) = served(&world, |serve| serve).await;
    send(&broker, &place, 0..3).await;
    for _ in 0..3 {
        assert!(ear.hears().await.starts_with("begins"));
    }
    let draining = begun(serving).await;
    slow.gate.open(3);
    let drained = within("the drain", draining).await;
    assert_eq!((drained.finished, drained.cut_off, drained.given_back), (3, 0, 0));
    assert_eq!(ear.rest().len(), 3);
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn a_call_that_runs_is_answered_while_its_service_drains(world: World) {
    let (broker, place, slow, serving, mut ear) = served(&world, |serve| serve).await;
    let call = tokio::spawn(place.producer(&broker).rpc::<u32>("ask", ()));
    assert_eq!(ear.hears().await, "asked");
    let draining = begun(serving).await;
    slow.gate.open(1);
    assert_eq!(within("an answer", call).await.unwrap().unwrap(), 4);
    assert_eq!(within("the drain", draining).await.finished, 1);
}

async fn handlers_still_running_at_the_limit_are_cut_off_and_their_messages_go_back(world: World) {
    let (broker, place, _slow, serving, mut ear) = served(&world, |serve| serve).await;
    send(&broker, &place, 0..2).await;
    for _ in 0..2 {
        assert!(ear.hears().await.starts_with("begins"));
    }
    let drained = within("the drain", serving.drain(Duration::from_millis(50))).await;
    assert_eq!((drained.finished, drained.cut_off, drained.given_back), (0, 2, 0));
    assert_eq!(ear.rest(), [""; 0]);
    let mut messages = place.consume(&broker).await;
    assert_eq!(numbers(&mut messages, 2).await, [0, 1]);
}

async fn what_had_arrived_and_not_begun_goes_back_untouched(world: World) {
    let bounds = |serve: postage_core::Serve| serve.prefetch(10).concurrency(1);
    let (broker, place, slow, serving, mut ear) = served(&world, bounds).await;
    send(&broker, &place, 0..5).await;
    assert_eq!(ear.hears().await, "begins 0");
    let draining = begun(serving).await;
    // All but the first go to the next consumer while the first handler still runs.
    let mut messages = place.consume(&broker).await;
    assert_eq!(numbers(&mut messages, 4).await, [1, 2, 3, 4]);
    slow.gate.open(5);
    let drained = within("the drain", draining).await;
    assert_eq!((drained.finished, drained.cut_off), (1, 0));
    assert_eq!(ear.rest(), ["ends 0"]);
}

async fn a_drained_service_takes_no_more(world: World) {
    let (broker, place, slow, serving, mut ear) = served(&world, |serve| serve).await;
    slow.gate.open(5);
    within("the drain", serving.drain(DEADLINE)).await;
    send(&broker, &place, 0..1).await;
    assert_eq!(left_in(&broker, &place.queue).await, ["work"]);
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_dropped_service_stops_at_once(world: World) {
    let (broker, place, slow, serving, mut ear) = served(&world, |serve| serve).await;
    send(&broker, &place, 0..2).await;
    for _ in 0..2 {
        assert!(ear.hears().await.starts_with("begins"));
    }
    drop(serving);
    let mut messages = place.consume(&broker).await;
    assert_eq!(numbers(&mut messages, 2).await, [0, 1]);
    slow.gate.open(2);
    assert_eq!(ear.rest(), [""; 0], "the handlers are gone");
}

async fn an_idle_service_drains_to_nothing(world: World) {
    let (_broker, _place, _slow, serving, _ear) = served(&world, |serve| serve).await;
    let drained = within("the drain", serving.drain(DEADLINE)).await;
    assert_eq!((drained.finished, drained.cut_off, drained.given_back), (0, 0, 0));
}

async fn a_service_whose_connection_is_closed_says_that_it_failed(world: World) {
    let (broker, _place, _slow, serving, _ear) = served(&world, |serve| serve).await;
    within("the end of the connection", broker.close()).await.expect("it is closed");
    let stopped = within("the stop", serving.stopped()).await;
    assert!(matches!(stopped, Stopped::Failed(_)), "{stopped:?}");
}

async fn a_service_whose_queue_is_deleted_brings_it_back(world: World) {
    let (broker, place, _slow, _serving, mut ear) = served(&world, |serve| serve).await;
    let deleting = broker.transport().delete_queue(place.queue.name());
    within("the deletion", deleting).await.expect("it is deleted");
    let producer = place.producer(&broker);
    let taken = async {
        while let Err(SendError::Unroutable { .. }) =
            producer.command("work", json!({ "number": 7 })).await
        {
            tokio::task::yield_now().await;
        }
    };
    within("the queue", taken).await;
    assert_eq!(ear.hears().await, "begins 7");
}

/// In memory only: the clock is the test's.
#[tokio::test(start_paused = true)]
async fn the_limit_of_a_drain_is_for_all_handlers_together() {
    let world = World::memory();
    let (broker, place, _slow, serving, mut ear) = served(&world, |serve| serve).await;
    for seconds in [8, 16, 24] {
        let message = place.producer(&broker).command("sleep", json!({ "seconds": seconds }));
        message.await.expect("it is taken");
        assert_eq!(ear.hears().await, "sleeps");
    }
    let begun = tokio::time::Instant::now();
    let drained = serving.drain(Duration::from_secs(10)).await;
    assert_eq!((drained.finished, drained.cut_off), (1, 2));
    assert_eq!(begun.elapsed().as_secs(), 10);
}

/// In memory only: the clock is the test's.
#[tokio::test(start_paused = true)]
async fn a_service_told_to_stop_waits_for_its_handlers_until_it_is_drained() {
    let world = World::memory();
    let (broker, place, _slow, serving, mut ear) = served(&world, |serve| serve).await;
    for seconds in [1, 100] {
        let message = place.producer(&broker).command("sleep", json!({ "seconds": seconds }));
        message.await.expect("it is taken");
        assert_eq!(ear.hears().await, "sleeps");
    }
    assert!(matches!(serving.stopped().await, Stopped::Quit));
    let begun = tokio::time::Instant::now();
    let drained = serving.drain(Duration::from_secs(10)).await;
    assert_eq!(drained.cut_off, 1);
    assert_eq!(begun.elapsed().as_secs(), 10);
}
