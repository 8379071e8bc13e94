//! A message whose handler fails is tried again after a pause, so often and no more.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{ExchangeKind, FieldValue, Outcome, Overflow, Queue, QueueKind, Retry};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{
    DEADLINE, Ear, Gate, Place, Seen, Voice, World, bind, consume, declare, exists, left_in, line,
    publish, seen, within,
};

/// A service that says on each attempt what it sees.
struct Stubborn {
    voice: Voice,
    since: Instant,
}

#[message_processor]
impl Stubborn {
    /// Fails as often as the message says.
    #[message_handler]
    async fn work(&self, fails: u32, #[context] cx: &Context) -> Result<(), String> {
        let failures = cx.failures();
        self.voice.say(format!("{failures} at {} ms", self.since.elapsed().as_millis()));
        if failures < fails { Err(format!("failure {}", failures + 1)) } else { Ok(()) }
    }

    #[message_handler("status", "look", full_body)]
    async fn look(&self, message: &Message<'_>, #[context] cx: &Context) -> Result<(), String> {
        let body = String::from_utf8_lossy(message.body());
        let (id, colour) = (cx.message_id(), cx.header("colour"));
        self.voice.say(format!("{} {id:?} {colour:?} {body}", cx.route()));
        if cx.failures() < 2 { Err("not clear".to_owned()) } else { Ok(()) }
    }

    #[message_handler]
    fn stumble(&self) {
        self.voice.say("stumbles");
        panic!("stumbled");
    }

    #[message_handler]
    fn decide(&self, how: &str) -> Outcome {
        self.voice.say(how);
        let reason = how.to_owned();
        match how {
            "fail" => Outcome::Fail { reason },
            "retry" => Outcome::Retry { reason, after: Duration::from_millis(7) },
            "reject" => Outcome::Reject { reason },
            "drop" => Outcome::Drop { reason },
            _ => Outcome::Done,
        }
    }

    #[message_handler]
    async fn refuse(&self, #[context] cx: &Context) -> Result<(), String> {
        self.voice.say("refuses");
        cx.reject("never");
        Err("failed too".to_owned())
    }
}

/// Another service, for what the first one gave up.
struct Undertaker {
    voice: Voice,
}

#[message_processor]
impl Undertaker {
    #[message_handler]
    async fn work(&self, fails: u32, #[context] cx: &Context) -> Result<(), String> {
        self.voice.say(format!("buries after {} of {fails}", cx.failures()));
        Err("too heavy".to_owned())
    }
}

on_every_broker! {
    a_message_that_fails_is_handled_again_until_it_succeeds,
    the_next_attempt_sees_the_message_as_it_was_sent,
    attempts_used_up_make_a_dead_letter_that_says_what_happened,
    a_panic_is_a_failure_and_is_tried_again,
    each_outcome_does_what_it_says,
    a_message_rejected_outright_is_not_tried_again,
    what_cannot_be_decoded_is_not_tried_again,
    a_queue_that_the_broker_named_can_be_retried_from,
    without_a_dead_letter_queue_a_message_is_dropped_after_its_attempts,
    a_message_waits_in_a_queue_that_lasts_as_its_own_does,
    a_message_of_a_queue_that_stays_waits_in_a_queue_that_keeps_it_until_it_is_taken,
    a_dead_letter_travels_under_its_first_key_when_its_queue_names_none,
    a_service_of_dead_letters_counts_its_own_failures,
    a_message_whose_queue_for_waiting_is_refused_becomes_a_dead_letter,
    a_service_says_by_its_attribute_how_often_it_tries,
    attempts_are_ours_and_not_the_deliveries_that_a_quorum_queue_counts,
    a_message_that_was_sent_to_more_keys_is_tried_again_under_one,
    a_handler_that_dies_again_and_again_loses_its_message_to_the_dead_letters,
}

const PAUSE: Duration = Duration::from_millis(20);

fn times(attempts: u32) -> impl FnOnce(postage_core::Serve) -> postage_core::Serve {
    move |serve| serve.retry(Retry::new(attempts).first_pause(PAUSE).longest_pause(PAUSE))
}

fn stubborn() -> (Stubborn, Ear) {
    let (voice, ear) = line();
    (Stubborn { voice, since: Instant::now() }, ear)
}

async fn served(world: &World, attempts: u32) -> (Broker, Place, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("stubborn");
    let (service, ear) = stubborn();
    let serving = place.serve_with(&broker, service, times(attempts)).await;
    (broker, place, serving, ear)
}

async fn send(broker: &Broker, place: &Place, name: &str, parameters: Value) {
    let message = place.producer(broker).command(name.to_owned(), parameters);
    within("a confirm", message).await.expect("it is taken");
}

fn text(letter: &Seen, header: &str) -> String {
    let value = letter.properties.header(header).and_then(FieldValue::as_str);
    value.unwrap_or_else(|| panic!("{header}: {:?}", letter.properties)).to_owned()
}

fn failures(letter: &Seen) -> i64 {
    letter.properties.header("postage-failures").and_then(FieldValue::as_int).unwrap_or(0)
}

fn waiting(queue: &Queue, pause: Duration) -> String {
    format!("{}.retry.{}", queue.name(), pause.as_millis())
}

async fn a_message_that_fails_is_handled_again_until_it_succeeds(world: World) {
    let (broker, place, serving, mut ear) = served(&world, 5).await;
    send(&broker, &place, "work", json!({ "fails": 3 })).await;
    for failures in 0..=3 {
        assert!(ear.hears().await.starts_with(&format!("{failures} at")));
    }
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(ear.rest(), [""; 0]);
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}

async fn the_next_attempt_sees_the_message_as_it_was_sent(world: World) {
    let (broker, place, _serving, mut ear) = served(&world, 3).await;
    let mut properties = Properties::default();
    properties.message_id = Some("the first and only".into());
    properties.set_header("colour", "green");
    let body = r#"{"type":"status","name":"look","category":"message","content":{"odd" : 1}}"#;
    publish(&broker, &place, properties, body).await;
    let first = ear.hears().await;
    for part in [place.exchange.name(), &place.key, "the first and only", "green", body] {
        assert!(first.contains(part), "{first} has no {part}");
    }
    assert_eq!(ear.hears().await, first);
    assert_eq!(ear.hears().await, first);
}

async fn attempts_used_up_make_a_dead_letter_that_says_what_happened(world: World) {
    let broker = world.broker().await;
    let place = world.place("stubborn");
    let (service, mut ear) = stubborn();
    let named = |serve| times(3)(serve).fingerprint(Fingerprint::new("mule", "stable"));
    let _serving = place.serve_with(&broker, service, named).await;
    let mut dead = place.dead_letters(&broker).await;
    send(&broker, &place, "work", json!({ "fails": 9 })).await;
    let letter = seen(&mut dead).await;
    assert_eq!(ear.rest().len(), 3);
    assert_eq!(letter.parameters(), json!({ "fails": 9 }));
    assert_eq!(text(&letter, "postage-error"), "failure 3");
    assert_eq!(text(&letter, "postage-handler"), "work");
    assert_eq!(text(&letter, "postage-exchange"), place.exchange.name());
    assert_eq!(text(&letter, "postage-key"), place.key);
    assert_eq!(text(&letter, "postage-queue"), place.queue.name());
    assert_eq!(failures(&letter), 3);
    let failed_by: Value = serde_json::from_str(&text(&letter, "postage-failed-by")).unwrap();
    assert_eq!((&failed_by["name"], &failed_by["type"]), (&json!("mule"), &json!("stable")));
}

async fn a_panic_is_a_failure_and_is_tried_again(world: World) {
    let (broker, place, _serving, mut ear) = served(&world, 2).await;
    let mut dead = place.dead_letters(&broker).await;
    send(&broker, &place, "stumble", json!({})).await;
    let letter = seen(&mut dead).await;
    assert_eq!(ear.rest(), ["stumbles"; 2]);
    assert_eq!(text(&letter, "postage-error"), "Panic: stumbled");
    assert_eq!((text(&letter, "postage-handler").as_str(), failures(&letter)), ("stumble", 2));
}

async fn each_outcome_does_what_it_says(world: World) {
    let (broker, place, serving, mut ear) = served(&world, 3).await;
    let mut dead = place.dead_letters(&broker).await;
    for (how, attempts) in [("fail", 3), ("retry", 3), ("reject", 1)] {
        send(&broker, &place, "decide", json!({ "how": how })).await;
        let letter = seen(&mut dead).await;
        assert_eq!(text(&letter, "postage-error"), how);
        assert_eq!(failures(&letter), attempts, "{how}");
        assert_eq!(ear.rest(), vec![how; usize::try_from(attempts).unwrap()]);
    }
    // The handler's own pause, instead of the service's.
    assert!(exists(&broker, &waiting(&place.queue, Duration::from_millis(7))).await);
    for how in ["drop", "do"] {
        send(&broker, &place, "decide", json!({ "how": how })).await;
        assert_eq!(ear.hears().await, how);
    }
    within("a drain", serving.drain(DEADLINE)).await;
    drop(dead);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn a_message_rejected_outright_is_not_tried_again(world: World) {
    let (broker, place, _serving, mut ear) = served(&world, 3).await;
    let mut dead = place.dead_letters(&broker).await;
    send(&broker, &place, "refuse", json!({})).await;
    let letter = seen(&mut dead).await;
    assert_eq!((text(&letter, "postage-error").as_str(), failures(&letter)), ("never", 1));
    assert_eq!(ear.rest(), ["refuses"]);
    assert!(!exists(&broker, &waiting(&place.queue, PAUSE)).await);
}

async fn what_cannot_be_decoded_is_not_tried_again(world: World) {
    let (broker, place, _serving, mut ear) = served(&world, 3).await;
    let mut dead = place.dead_letters(&broker).await;
    send(&broker, &place, "work", json!({ "fails": "often" })).await;
    let letter = seen(&mut dead).await;
    assert!(text(&letter, "postage-error").starts_with("InvalidParameters"));
    assert_eq!((text(&letter, "postage-handler").as_str(), failures(&letter)), ("work", 1));
    publish(&broker, &place, Properties::default(), "not json").await;
    let letter = seen(&mut dead).await;
    assert!(text(&letter, "postage-error").starts_with("MalformedMessage"));
    assert_eq!(letter.body, "not json");
    assert_eq!(ear.rest(), [""; 0]);
    assert!(!exists(&broker, &waiting(&place.queue, PAUSE)).await);
}

async fn a_queue_that_the_broker_named_can_be_retried_from(world: World) {
    let broker = world.broker().await;
    let place = Place { queue: Queue::server_named(), ..world.place("stubborn") };
    let (service, mut ear) = stubborn();
    let _serving = place.serve_with(&broker, service, times(5)).await;
    send(&broker, &place, "work", json!({ "fails": 2 })).await;
    for failures in 0..=2 {
        assert!(ear.hears().await.starts_with(&format!("{failures} at")));
    }
}

async fn without_a_dead_letter_queue_a_message_is_dropped_after_its_attempts(world: World) {
    let broker = world.broker().await;
    let place = Place { queue: world.queue("no-letters"), ..world.place("stubborn") };
    let (service, mut ear) = stubborn();
    let serving = place.serve_with(&broker, service, times(2)).await;
    send(&broker, &place, "stumble", json!({})).await;
    assert_eq!(ear.hears().await, "stumbles");
    assert_eq!(ear.hears().await, "stumbles");
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}

async fn a_message_waits_in_a_queue_that_lasts_as_its_own_does(world: World) {
    for durable in [true, false] {
        let broker = world.broker().await;
        let stem = if durable { "lasting" } else { "passing" };
        let place = world.place(stem);
        // A transient queue that others may use is not for every broker: this one is our own.
        let queue = place.queue.clone().durable(durable).exclusive(!durable);
        let place = Place { queue, ..place };
        let (service, mut ear) = stubborn();
        let _serving = place.serve_with(&broker, service, times(2)).await;
        send(&broker, &place, "work", json!({ "fails": 1 })).await;
        for _ in 0..2 {
            ear.hears().await;
        }
        let described = |durable| {
            Queue::new(waiting(&place.queue, PAUSE))
                .durable(durable)
                .message_ttl(PAUSE)
                .expires(Duration::from_millis(60_040))
                .dead_letter("")
                .dead_letter_key(place.queue.name().to_owned())
        };
        declare(&broker, &described(durable)).await;
        let other = within("a refusal", broker.declare_queue(&described(!durable))).await;
        assert!(other.is_err(), "it is not durable and transient at once");
    }
}

async fn a_message_of_a_queue_that_stays_waits_in_a_queue_that_keeps_it_until_it_is_taken(
    world: World,
) {
    let broker = world.broker().await;
    let place = Place { queue: Queue::new(world.name("staying")), ..world.place("stubborn") };
    let (service, mut ear) = stubborn();
    let serving = place.serve_with(&broker, service, times(3)).await;
    send(&broker, &place, "work", json!({ "fails": 2 })).await;
    for failures in 0..=2 {
        assert!(ear.hears().await.starts_with(&format!("{failures} at")));
    }
    let waiting = Queue::new(format!("{}.retry.q.20", place.queue.name()));
    let described = waiting
        .message_ttl(PAUSE)
        .dead_letter("")
        .dead_letter_key(place.queue.name().to_owned())
        .kind(QueueKind::Quorum)
        .overflow(Overflow::RejectPublish)
        .argument("x-dead-letter-strategy", "at-least-once");
    declare(&broker, &described).await;
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    for queue in [described.name(), place.queue.name()] {
        broker.transport().delete_queue(queue).await.expect("it is there");
    }
}

async fn a_dead_letter_travels_under_its_first_key_when_its_queue_names_none(world: World) {
    let broker = world.broker().await;
    let place = world.place("stubborn");
    let graveyard = world.exchange("graveyard", ExchangeKind::Direct);
    let queue = world.queue("keyless").dead_letter(graveyard.name().to_owned());
    let place = Place { queue, ..place };
    declare(&broker, &place.dead).await;
    bind(&broker, &graveyard, &place.dead, &place.key).await;
    let (service, mut ear) = stubborn();
    let _serving = place.serve_with(&broker, service, times(2)).await;
    send(&broker, &place, "stumble", json!({})).await;
    let letter = seen(&mut consume(&broker, place.dead.name()).await).await;
    assert_eq!((letter.route.exchange(), letter.route.key()), (graveyard.name(), &*place.key));
    assert_eq!(ear.rest(), ["stumbles"; 2]);
}

async fn a_service_of_dead_letters_counts_its_own_failures(world: World) {
    let broker = world.broker().await;
    let (first, grave) = (world.place("stubborn"), world.place("grave"));
    let queue = world.queue("coffin").dead_letter("").dead_letter_key(grave.dead.name().to_owned());
    let first = Place { dead: queue.clone(), ..first };
    let dead_of_first = first.queue.clone().dead_letter_key(queue.name().to_owned());
    let first = Place { queue: dead_of_first, ..first };
    let grave = Place { queue, ..grave };
    let (service, _ear) = stubborn();
    let _first = first.serve_with(&broker, service, times(4)).await;
    let (voice, mut ear) = line();
    let retry = Retry::new(2).first_pause(PAUSE);
    let serve = |serve: postage_core::Serve| serve.retry(retry);
    let _second = grave.serve_with(&broker, Undertaker { voice }, serve).await;
    let mut dead = grave.dead_letters(&broker).await;
    send(&broker, &first, "work", json!({ "fails": 9 })).await;
    assert_eq!(ear.hears().await, "buries after 0 of 9");
    assert_eq!(ear.hears().await, "buries after 1 of 9");
    let letter = seen(&mut dead).await;
    assert_eq!((text(&letter, "postage-error").as_str(), failures(&letter)), ("too heavy", 2));
    assert_eq!(text(&letter, "postage-queue"), grave.queue.name());
}

async fn a_message_whose_queue_for_waiting_is_refused_becomes_a_dead_letter(world: World) {
    let (broker, place, _serving, mut ear) = served(&world, 3).await;
    let mut dead = place.dead_letters(&broker).await;
    // One of that name and of another kind is there already.
    let other = Queue::new(waiting(&place.queue, PAUSE)).expires(Duration::from_secs(120));
    declare(&broker, &other).await;
    send(&broker, &place, "stumble", json!({})).await;
    let letter = seen(&mut dead).await;
    assert_eq!(text(&letter, "postage-error"), "Panic: stumbled");
    assert_eq!((failures(&letter), ear.rest().len()), (1, 1));
}

/// Says by its attribute how often it tries.
struct Patient {
    voice: Voice,
}

#[message_processor(retry(attempts = 3, pause = "20ms", longest = "20ms"))]
impl Patient {
    #[message_handler]
    async fn stumble(&self) -> Result<(), String> {
        self.voice.say("stumbles");
        Err("stumbled".to_owned())
    }
}

async fn a_service_says_by_its_attribute_how_often_it_tries(world: World) {
    let broker = world.broker().await;
    let place = world.place("patient");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Patient { voice }).await;
    let mut dead = place.dead_letters(&broker).await;
    send(&broker, &place, "stumble", json!({})).await;
    assert_eq!(failures(&seen(&mut dead).await), 3);
    assert_eq!(ear.rest(), ["stumbles"; 3]);
    assert!(exists(&broker, &waiting(&place.queue, PAUSE)).await);
    assert!(!exists(&broker, &waiting(&place.queue, PAUSE * 2)).await);
}

async fn attempts_are_ours_and_not_the_deliveries_that_a_quorum_queue_counts(world: World) {
    let broker = world.broker().await;
    let place = world.place("stubborn");
    let queue = place.queue.clone().kind(QueueKind::Quorum).argument("x-delivery-limit", 1_i64);
    let place = Place { queue, ..place };
    let (service, mut ear) = stubborn();
    let _serving = place.serve_with(&broker, service, times(6)).await;
    send(&broker, &place, "work", json!({ "fails": 5 })).await;
    for failures in 0..=5 {
        assert!(ear.hears().await.starts_with(&format!("{failures} at")));
    }
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}

async fn a_message_that_was_sent_to_more_keys_is_tried_again_under_one(world: World) {
    let (broker, place, serving, mut ear) = served(&world, 3).await;
    let other = world.queue("other");
    declare(&broker, &other).await;
    let mut properties = Properties::default();
    let keys = vec![FieldValue::Text(other.name().to_owned().into())];
    properties.headers.insert("CC", FieldValue::List(keys));
    let body = r#"{"type":"command","name":"work","category":"message",
        "content":{"parameters":{"fails":2}}}"#;
    publish(&broker, &place, properties, body).await;
    for failures in 0..=2 {
        assert!(ear.hears().await.starts_with(&format!("{failures} at")));
    }
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &other).await, [""; 0]);
}

/// By the broker's own count: nobody of ours lives to count.
async fn a_handler_that_dies_again_and_again_loses_its_message_to_the_dead_letters(world: World) {
    let broker = world.broker().await;
    let place = world.place("mortal");
    let queue = place.queue.clone().kind(QueueKind::Quorum).argument("x-delivery-limit", 2_i64);
    let place = Place { queue, ..place };
    let mut dead = place.dead_letters(&broker).await;
    let (voice, mut ear) = line();
    place.declare(&broker).await;
    send(&broker, &place, "linger", json!({})).await;
    for _ in 0..3 {
        let serving = place.serve(&broker, Mortal { voice: voice.clone() }).await;
        assert_eq!(ear.hears().await, "lingers");
        drop(serving);
    }
    let letter = seen(&mut dead).await;
    assert_eq!(letter.name(), "linger");
    assert_eq!(text(&letter, "x-first-death-queue"), place.queue.name());
    assert_eq!(ear.rest(), [""; 0]);
}

struct Mortal {
    voice: Voice,
}

#[message_processor]
impl Mortal {
    #[message_handler]
    async fn linger(&self) {
        self.voice.say("lingers");
        std::future::pending::<()>().await;
    }
}

/// In memory only: the clock is the test's.
#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_the_longest() {
    let world = World::memory();
    let broker = world.broker().await;
    let place = world.place("stubborn");
    let (service, mut ear) = stubborn();
    let retry = Retry::new(6).longest_pause(Duration::from_secs(5));
    let _serving = place.serve_with(&broker, service, |serve| serve.retry(retry)).await;
    send(&broker, &place, "work", json!({ "fails": 5 })).await;
    for attempt in ["0 at 0", "1 at 1000", "2 at 3000", "3 at 7000", "4 at 12000", "5 at 17000"] {
        assert_eq!(ear.hears().await, format!("{attempt} ms"));
    }
}

/// Fails at what comes first, and holds what comes again.
struct Porter {
    voice: Voice,
    gate: Gate,
}

#[message_processor]
impl Porter {
    #[message_handler]
    async fn carry(&self, what: &str, fails: bool, #[context] cx: &Context) -> Result<(), String> {
        self.voice.say(what);
        if fails && cx.failures() == 0 {
            return Err(format!("{what} was dropped"));
        }
        self.gate.pass().await;
        Ok(())
    }
}

/// In memory only: the clock is the test's. `recovery` has the same for RabbitMQ.
#[tokio::test(start_paused = true)]
async fn a_message_that_comes_back_to_a_full_queue_waits_until_there_is_room() {
    let world = World::memory();
    let broker = world.broker().await;
    let queue = Queue::new(world.name("porter")).max_length(2).overflow(Overflow::RejectPublish);
    let place = Place { queue, ..world.place("porter") };
    let (voice, mut ear) = line();
    let gate = std::sync::Arc::new(Porter { voice, gate: Gate::shut() });
    let one = |serve: postage_core::Serve| {
        serve.prefetch(1).concurrency(1).retry(Retry::new(2).first_pause(Duration::from_secs(2)))
    };
    let serving = place.serve_with(&broker, std::sync::Arc::clone(&gate), one).await;
    send(&broker, &place, "carry", json!({ "what": "vase", "fails": true })).await;
    assert_eq!(ear.hears().await, "vase");
    // One is carried, and two fill the queue.
    for what in ["box", "lamp", "rope"] {
        send(&broker, &place, "carry", json!({ "what": what, "fails": false })).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    gate.gate.open(10);
    for what in ["box", "lamp", "rope", "vase"] {
        assert_eq!(ear.hears().await, what);
    }
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(ear.rest(), [""; 0]);
}

/// In memory only: the clock is the test's.
#[tokio::test(start_paused = true)]
async fn the_queue_for_waiting_goes_when_nothing_waits() {
    let world = World::memory();
    let (broker, place, _serving, mut ear) = served(&world, 2).await;
    send(&broker, &place, "work", json!({ "fails": 1 })).await;
    for _ in 0..2 {
        ear.hears().await;
    }
    assert!(exists(&broker, &waiting(&place.queue, PAUSE)).await);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(!exists(&broker, &waiting(&place.queue, PAUSE)).await);
}
