//! What the dead letters do not take is kept until they do, and nobody else waits for it.

use std::time::Duration;

use postage_core::Overflow;
use postage_core::prelude::*;
use postage_core::transport::Properties;
use serde_json::json;

use crate::world::{
    DEADLINE, Ear, Place, Seen, Voice, World, declare, exists, left_in, line, publish, seen, within,
};

/// Handles what is well, and fails at what is not.
struct Nurse {
    voice: Voice,
}

#[message_processor]
impl Nurse {
    #[message_handler]
    fn treat(&self, name: &str, well: bool) -> Result<(), String> {
        self.voice.say(name);
        if well { Ok(()) } else { Err(format!("{name} is too ill")) }
    }

    #[rpc_handler]
    fn ask(&self) -> u32 {
        self.voice.say("asked");
        panic!("too ill")
    }
}

on_every_broker! {
    what_a_full_dead_letter_queue_refuses_is_kept_until_there_is_room,
    what_finds_no_dead_letter_queue_is_kept_until_there_is_one,
    a_call_that_finds_no_dead_letter_queue_is_kept_and_not_run_again,
    what_cannot_wait_either_is_held_and_is_in_its_queue_after_a_drain,
    what_is_held_takes_no_place_of_a_handler,
    a_sender_who_says_that_a_message_was_kept_does_not_keep_it_from_its_handler,
}

/// The queue in which the first pause is spent.
fn waiting(place: &Place) -> String {
    format!("{}.retry.1000", place.queue.name())
}

/// A service that runs one handler at a time, and has one message at a time.
async fn served(broker: &Broker, place: &Place) -> (Serving, Ear) {
    let (voice, ear) = line();
    let one = |serve: postage_core::Serve| serve.prefetch(1).concurrency(1);
    (place.serve_with(broker, Nurse { voice }, one).await, ear)
}

async fn send(broker: &Broker, place: &Place, name: &str, well: bool) {
    let parameters = json!({ "name": name, "well": well });
    let message = place.producer(broker).command("treat", parameters);
    within("a confirm", message).await.expect("it is taken");
}

async fn delete(broker: &Broker, queue: &Queue) {
    let deleted = broker.transport().delete_queue(queue.name());
    within("the end of a queue", deleted).await.expect("it is deleted");
}

async fn until_waiting(broker: &Broker, place: &Place) {
    let asking = async {
        while !exists(broker, &waiting(place)).await {
            tokio::task::yield_now().await;
        }
    };
    within("the queue to wait in", asking).await;
}

fn texts<'a>(letter: &'a Seen, headers: &[&str]) -> Vec<&'a str> {
    let text = |header: &&str| letter.properties.header(header).and_then(|value| value.as_str());
    headers.iter().filter_map(text).collect()
}

async fn what_a_full_dead_letter_queue_refuses_is_kept_until_there_is_room(world: World) {
    let broker = world.broker().await;
    let place = world.place("nurse");
    let dead = place.dead.clone().max_length(1).overflow(Overflow::RejectPublish);
    let place = Place { dead, ..place };
    let (serving, mut ear) = served(&broker, &place).await;
    for name in ["ann", "bob"] {
        send(&broker, &place, name, false).await;
        assert_eq!(ear.hears().await, name);
    }
    // Nobody waits for the one who waits.
    send(&broker, &place, "cyd", true).await;
    assert_eq!(ear.hears().await, "cyd");
    until_waiting(&broker, &place).await;
    let mut dead = place.dead_letters(&broker).await;
    for name in ["ann", "bob"] {
        let letter = seen(&mut dead).await;
        let error = format!("{name} is too ill");
        let told = texts(&letter, &["postage-error", "postage-handler", "postage-queue"]);
        assert_eq!(told, [&error, "treat", place.queue.name()]);
        assert_eq!(letter.properties.header("postage-failures").and_then(|n| n.as_int()), Some(1));
        assert!(letter.properties.header("postage-kept").is_none());
    }
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(ear.rest(), [""; 0], "nobody is treated twice");
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn what_finds_no_dead_letter_queue_is_kept_until_there_is_one(world: World) {
    let broker = world.broker().await;
    let place = world.place("nurse");
    let (_serving, mut ear) = served(&broker, &place).await;
    delete(&broker, &place.dead).await;
    send(&broker, &place, "ann", false).await;
    // Neither what cannot be read.
    publish(&broker, &place, Properties::default(), "no message").await;
    send(&broker, &place, "cyd", true).await;
    assert_eq!((ear.hears().await, ear.hears().await), ("ann".to_owned(), "cyd".to_owned()));
    until_waiting(&broker, &place).await;
    let mut dead = place.dead_letters(&broker).await;
    let mut errors = Vec::new();
    for _ in 0..2 {
        let letter = seen(&mut dead).await;
        errors.extend(texts(&letter, &["postage-error"]).into_iter().map(str::to_owned));
    }
    errors.sort();
    assert!(errors[0].starts_with("MalformedMessage"), "{errors:?}");
    assert_eq!(errors[1], "ann is too ill");
    assert_eq!(ear.rest(), [""; 0], "nobody is treated twice");
}

async fn a_call_that_finds_no_dead_letter_queue_is_kept_and_not_run_again(world: World) {
    let broker = world.broker().await;
    let place = world.place("nurse");
    let (_serving, mut ear) = served(&broker, &place).await;
    delete(&broker, &place.dead).await;
    let call = place.producer(&broker).rpc::<u32>("ask", ());
    within("an answer", call).await.expect_err("it panicked");
    until_waiting(&broker, &place).await;
    let letter = seen(&mut place.dead_letters(&broker).await).await;
    assert_eq!(texts(&letter, &["postage-error"]), ["Panic: too ill"]);
    assert_eq!(ear.hears().await, "asked");
    assert_eq!(ear.rest(), [""; 0]);
}

async fn what_cannot_wait_either_is_held_and_is_in_its_queue_after_a_drain(world: World) {
    let broker = world.broker().await;
    let place = world.place("nurse");
    // Of another kind than the service would make.
    let in_the_way = Queue::new(waiting(&place)).expires(Duration::from_secs(120));
    declare(&broker, &in_the_way).await;
    let (serving, mut ear) = served(&broker, &place).await;
    delete(&broker, &place.dead).await;
    send(&broker, &place, "ann", false).await;
    assert_eq!(ear.hears().await, "ann");
    let drained = within("a drain", serving.drain(Duration::from_millis(200))).await;
    assert_eq!(drained.cut_off, 1);
    assert_eq!(left_in(&broker, &place.queue).await, ["treat"]);

    // Held, it is offered again and again.
    let (_serving, mut ear) = served(&broker, &place).await;
    send(&broker, &place, "bob", false).await;
    assert_eq!(ear.hears().await, "bob");
    let letter = seen(&mut place.dead_letters(&broker).await).await;
    assert_eq!(texts(&letter, &["postage-error"]), ["bob is too ill"]);
}

async fn what_is_held_takes_no_place_of_a_handler(world: World) {
    let broker = world.broker().await;
    let place = world.place("nurse");
    let in_the_way = Queue::new(waiting(&place)).expires(Duration::from_secs(120));
    declare(&broker, &in_the_way).await;
    let (voice, mut ear) = line();
    let two = |serve: postage_core::Serve| serve.prefetch(2).concurrency(1);
    let _serving = place.serve_with(&broker, Nurse { voice }, two).await;
    delete(&broker, &place.dead).await;
    send(&broker, &place, "ann", false).await;
    assert_eq!(ear.hears().await, "ann");
    for name in ["cyd", "dan", "eve"] {
        send(&broker, &place, name, true).await;
        assert_eq!(ear.hears().await, name);
    }
    assert!(!exists(&broker, place.dead.name()).await, "ann is held");
}

async fn a_sender_who_says_that_a_message_was_kept_does_not_keep_it_from_its_handler(world: World) {
    let broker = world.broker().await;
    let place = world.place("nurse");
    let (_serving, mut ear) = served(&broker, &place).await;
    let call = place.producer(&broker).rpc::<u32>("ask", ());
    let call =
        call.header("postage-kept", 1).header("postage-queue", place.queue.name().to_owned());
    within("an answer", call).await.expect_err("it panicked");
    assert_eq!(ear.hears().await, "asked");
}
