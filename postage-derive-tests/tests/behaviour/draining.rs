//! A drain under load, and one while the connection is down: every message is settled once or is
//! back in its queue, and the report's numbers add up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use postage_core::Drained;
use postage_core::prelude::*;
use postage_core::transport::Properties;
use serde_json::json;
use testbed::Proxy;
use tokio::time::Instant;

use crate::world::{
    DEADLINE, Ear, Gate, Place, Voice, World, left_in, line, nothing_more, publish, seen, within,
};

const MESSAGES: u64 = 1000;

struct Mill {
    voice: Voice,
    /// How many go through before the rest has to wait.
    gate: Gate,
}

#[message_processor]
impl Mill {
    #[message_handler]
    async fn grind(&self, number: u64) {
        self.voice.say(format!("begins {number}"));
        self.gate.pass().await;
        self.voice.say(format!("ends {number}"));
    }
}

on_every_broker! {
    a_drain_under_load_leaves_each_message_done_once_or_in_its_queue,
    another_service_takes_over_from_one_that_drains_under_load,
    what_is_cut_off_at_the_limit_is_done_by_another,
}

fn mill(open: usize) -> (Arc<Mill>, Ear) {
    let (voice, ear) = line();
    let gate = Gate::shut();
    gate.open(open);
    (Arc::new(Mill { voice, gate }), ear)
}

async fn send_all(broker: &Broker, place: &Place) {
    let producer = place.producer(broker);
    let sent = (0..MESSAGES).map(|number| producer.command("grind", json!({ "number": number })));
    for sent in join_all(sent).await {
        sent.expect("it is taken");
    }
}

/// The numbers of which a service said this; each at most once.
fn numbers(said: &[String], what: &str) -> HashSet<u64> {
    let numbers: Vec<u64> =
        said.iter().filter_map(|text| text.strip_prefix(what)?.trim().parse().ok()).collect();
    let once: HashSet<u64> = numbers.iter().copied().collect();
    assert_eq!(once.len(), numbers.len(), "something was handled twice");
    once
}

/// Hears until so many have ended.
async fn hear_ends(ear: &mut Ear, count: usize) -> Vec<String> {
    let mut said = Vec::new();
    let mut ends = 0;
    while ends < count {
        let text = ear.hears().await;
        ends += usize::from(text.starts_with("ends"));
        said.push(text);
    }
    said
}

async fn a_drain_under_load_leaves_each_message_done_once_or_in_its_queue(world: World) {
    let broker = world.broker().await;
    let place = world.place("mill");
    let (mill, mut ear) = mill(MESSAGES as usize);
    let serving = place.serve(&broker, mill).await;
    let sending = {
        let (broker, place) = (broker.clone(), place.clone());
        tokio::spawn(async move { send_all(&broker, &place).await })
    };
    let mut said = hear_ends(&mut ear, 200).await;
    let drained = within("the drain", serving.drain(DEADLINE)).await;
    assert_eq!(drained.cut_off, 0);
    said.extend(ear.rest());
    let done = numbers(&said, "ends");
    assert_eq!(numbers(&said, "begins"), done, "what was begun was ended");
    within("the sending", sending).await.unwrap();

    let mut left = HashSet::new();
    let mut messages = place.consume(&broker).await;
    while left.len() + done.len() < MESSAGES as usize {
        let number = seen(&mut messages).await.parameters()["number"].as_u64().unwrap();
        assert!(left.insert(number) && !done.contains(&number), "{number} is there twice");
    }
    nothing_more(&broker, &place.queue, &mut messages).await;
}

/// Where one is cut off, others of its id that wait for its end get its claim, on other threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_copy_of_a_message_begins_since_the_first_was_cut_off_at_the_limit() {
    for _ in 0..20 {
        let world = World::memory();
        let broker = world.broker().await;
        let place = world.place("mill");
        let (mill, mut ear) = mill(0);
        let serving = place.serve(&broker, mill).await;
        for copy in 0..60 {
            let number = copy % 20;
            let mut properties = Properties::default();
            properties.message_id = Some(number.to_string().into());
            let body = json!({
                "type": "command", "name": "grind", "category": "message",
                "content": { "parameters": { "number": number } },
            });
            publish(&broker, &place, properties, body.to_string()).await;
        }
        let mut said = Vec::new();
        while said.len() < 20 {
            said.push(ear.hears().await);
        }
        let drained = within("the drain", serving.drain(Duration::ZERO)).await;
        said.extend(ear.rest());
        assert_eq!(numbers(&said, "begins").len(), 20);
        assert_eq!(drained.finished, 0);
        assert_eq!(drained.cut_off + drained.given_back, 60);
    }
}

async fn another_service_takes_over_from_one_that_drains_under_load(world: World) {
    let (one, two, three) = (world.broker().await, world.broker().await, world.broker().await);
    let place = world.place("mill");
    let (first, mut at_first) = mill(MESSAGES as usize);
    let serving = place.serve(&one, first).await;
    let sending = {
        let place = place.clone();
        tokio::spawn(async move { send_all(&three, &place).await })
    };
    let mut by_first = hear_ends(&mut at_first, 200).await;
    let (second, mut at_second) = mill(MESSAGES as usize);
    let second = place.serve(&two, second).await;
    let drained = within("the drain", serving.drain(DEADLINE)).await;
    assert_eq!(drained.cut_off, 0);
    by_first.extend(at_first.rest());
    let done = numbers(&by_first, "ends");
    let by_second = hear_ends(&mut at_second, MESSAGES as usize - done.len()).await;
    let rest = numbers(&by_second, "ends");
    assert!(done.is_disjoint(&rest), "something was handled twice");
    assert_eq!(done.len() + rest.len(), MESSAGES as usize);
    within("the sending", sending).await.unwrap();
    within("the drain", second.drain(DEADLINE)).await;
    assert_eq!(at_second.rest(), [""; 0]);
    assert_eq!(left_in(&two, &place.queue).await, [""; 0]);
}

async fn what_is_cut_off_at_the_limit_is_done_by_another(world: World) {
    let (one, two) = (world.broker().await, world.broker().await);
    let place = world.place("mill");
    let (first, mut at_first) = mill(300);
    let bounds = |serve: postage_core::Serve| serve.prefetch(50).concurrency(20);
    let serving = place.serve_with(&one, first, bounds).await;
    within("the sending", send_all(&one, &place)).await;
    let mut by_first = hear_ends(&mut at_first, 300).await;
    // The gate is shut now, and as many as may wait before it.
    while numbers(&by_first, "begins").len() < 320 {
        by_first.push(at_first.hears().await);
    }
    let drained = within("the drain", serving.drain(Duration::from_millis(100))).await;
    assert_eq!((drained.finished, drained.cut_off), (0, 20));
    assert!(drained.given_back <= 30, "{drained:?}");
    assert_eq!(at_first.rest(), [""; 0]);
    let done = numbers(&by_first, "ends");

    let (second, mut at_second) = mill(MESSAGES as usize);
    let second = place.serve(&two, second).await;
    let by_second = hear_ends(&mut at_second, 700).await;
    let rest = numbers(&by_second, "ends");
    assert!(done.is_disjoint(&rest), "something was done twice");
    within("the drain", second.drain(DEADLINE)).await;
    assert_eq!(at_second.rest(), [""; 0]);
    assert_eq!(left_in(&two, &place.queue).await, [""; 0]);
}

/// A service on RabbitMQ behind a proxy, with one handler running.
async fn behind_a_proxy(world: &World) -> (Proxy, Place, Arc<Mill>, Serving, Ear) {
    let url = testbed::broker_url();
    let proxy = Proxy::start_before(&url).unwrap();
    let broker = within("the connection", Broker::connect(&proxy.url_for(&url))).await.unwrap();
    let place = world.place("mill");
    let (mill, mut ear) = mill(0);
    let serving = place.serve(&broker, Arc::clone(&mill)).await;
    let message = place.producer(&broker).command("grind", json!({ "number": 1 }));
    within("a confirm", message).await.expect("it is taken");
    assert_eq!(ear.hears().await, "begins 1");
    (proxy, place, mill, serving, ear)
}

async fn ended_within(limit: Duration, serving: Serving) -> Drained {
    let begun = Instant::now();
    let drained = within("the drain", serving.drain(limit)).await;
    assert!(begun.elapsed() < limit + Duration::from_secs(2), "{:?}", begun.elapsed());
    drained
}

/// On RabbitMQ only.
#[tokio::test]
async fn a_drain_while_the_connection_is_down_waits_for_the_handlers_and_no_longer() {
    let world = World::rabbitmq();
    let (proxy, place, mill, serving, mut ear) = behind_a_proxy(&world).await;
    proxy.refuse();
    mill.gate.open(1);
    let drained = ended_within(Duration::from_secs(10), serving).await;
    assert_eq!(drained.cut_off, 0);
    assert_eq!(ear.hears().await, "ends 1");
    // It could not be acknowledged any more.
    assert_eq!(left_in(&world.broker().await, &place.queue).await, ["grind"]);
}

/// On RabbitMQ only.
#[tokio::test]
async fn a_drain_while_the_connection_is_down_ends_at_its_limit() {
    let world = World::rabbitmq();
    let (proxy, place, _mill, serving, mut ear) = behind_a_proxy(&world).await;
    proxy.refuse();
    let drained = ended_within(Duration::from_millis(300), serving).await;
    assert_eq!((drained.finished, drained.cut_off), (0, 1));
    assert_eq!(ear.rest(), [""; 0]);
    assert_eq!(left_in(&world.broker().await, &place.queue).await, ["grind"]);
}

/// On RabbitMQ only.
#[tokio::test]
async fn a_drain_over_a_connection_that_says_nothing_ends_at_its_limit() {
    let world = World::rabbitmq();
    let (proxy, _place, mill, serving, mut ear) = behind_a_proxy(&world).await;
    proxy.black_hole();
    mill.gate.open(1);
    ended_within(Duration::from_millis(500), serving).await;
    assert_eq!(ear.hears().await, "ends 1");
}
