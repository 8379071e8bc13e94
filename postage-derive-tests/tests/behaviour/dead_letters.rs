//! What is known of a dead letter, and the way back.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{DeadLetter, DeadLetters, ExchangeKind, Route, SendError};

use crate::world::{
    DEADLINE, Ear, Place, Voice, World, bind, consume, left_in, line, publish, seen, within,
};

/// Fails until it is told to be well.
struct Patient {
    voice: Voice,
    well: std::sync::atomic::AtomicBool,
}

impl Patient {
    fn is_well(&self) -> bool {
        self.well.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn recover(&self) {
        self.well.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[message_processor]
impl Patient {
    #[message_handler("status", "visit", full_body)]
    async fn visit(&self, message: &Message<'_>, #[context] cx: &Context) -> Result<(), String> {
        if !self.is_well() {
            return Err("too ill".to_owned());
        }
        let body = String::from_utf8_lossy(message.body());
        // How it first came there is known further; nothing is left of the failure.
        let names = cx.headers().iter().map(|(name, _)| name);
        let how = ["postage-exchange", "postage-key", "postage-queue"];
        let names: Vec<_> = names.filter(|name| !how.contains(name)).collect();
        self.voice.say(format!("{:?} {names:?} {} {body}", cx.message_id(), cx.failures()));
        self.voice.say(cx.route().to_string());
        Ok(())
    }

    #[rpc_handler]
    async fn ask(&self) -> u32 {
        self.voice.say("asked");
        assert!(self.is_well(), "too ill");
        4
    }
}

on_every_broker! {
    a_letter_says_what_happened,
    a_letter_sent_back_is_the_message_as_it_was_and_is_handled,
    a_call_sent_back_is_run_again,
    a_discarded_letter_is_gone,
    a_dropped_letter_stays,
    letters_come_one_at_a_time,
    a_letter_of_the_brokers_own_can_be_sent_back,
    a_letter_that_fails_again_is_a_letter_again,
    a_letter_that_does_not_say_where_it_failed_stays,
    a_letter_whose_queue_has_gone_stays,
    letters_of_a_queue_that_is_not_there_are_refused,
    a_moved_letter_is_handled_though_nobody_sent_it_back,
}

const BODY: &str = r#"{"type":"status","name":"visit","category":"message","content":{"odd" : 1}}"#;

async fn served(world: &World) -> (Broker, Place, Serving, std::sync::Arc<Patient>, Ear) {
    let broker = world.broker().await;
    let place = world.place("patient");
    let (voice, ear) = line();
    let patient = std::sync::Arc::new(Patient { voice, well: false.into() });
    let named = Fingerprint::new("patient", "bed");
    let serve = |serve: postage_core::Serve| serve.fingerprint(named);
    let serving = place.serve_with(&broker, std::sync::Arc::clone(&patient), serve).await;
    (broker, place, serving, patient, ear)
}

async fn open(broker: &Broker, place: &Place) -> DeadLetters {
    let opened = DeadLetters::open(broker, place.dead.name().to_owned());
    within("the letters", opened).await.expect("the queue is there")
}

async fn next(letters: &mut DeadLetters) -> DeadLetter {
    within("a letter", letters.next()).await.expect("a letter").expect("the queue goes on")
}

fn visit() -> Properties {
    let mut properties = Properties::default();
    properties.message_id = Some("a visit".into());
    properties.content_type = Some("application/json".into());
    properties.app_id = Some("the ward".into());
    properties.timestamp = Some(1_700_000_000);
    properties.set_header("colour", "green");
    properties
}

/// What the service says of the message as it was sent.
const AS_SENT: &str = r#"Some("a visit") ["colour"] 0 "#;

async fn a_letter_says_what_happened(world: World) {
    let (broker, place, _serving, _patient, _ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let letter = next(&mut open(&broker, &place).await).await;
    assert_eq!((letter.error(), letter.handler()), (Some("too ill"), Some("visit")));
    assert_eq!(letter.failures(), 1);
    let route = Route::new(place.exchange.name().to_owned(), place.key.clone());
    assert_eq!(letter.route(), Some(route));
    assert_eq!(letter.queue(), Some(place.queue.name()));
    assert_eq!(letter.body(), BODY.as_bytes());
    let failed_by = letter.failed_by().expect("it says who failed");
    assert_eq!((&*failed_by.name, &*failed_by.kind), ("patient", "bed"));
}

async fn a_letter_sent_back_is_the_message_as_it_was_and_is_handled(world: World) {
    let (broker, place, serving, patient, mut ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let mut letters = open(&broker, &place).await;
    let letter = next(&mut letters).await;
    patient.recover();
    within("the way back", letter.send_back()).await.expect("it is sent back");
    assert_eq!(ear.hears().await, format!("{AS_SENT}{BODY}"));
    let first = Route::new(place.exchange.name().to_owned(), place.key.clone());
    assert_eq!(ear.hears().await, first.to_string());
    within("a drain", serving.drain(DEADLINE)).await;
    drop(letters);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);

    // All other properties too, as one who consumes by hand sees them.
    let mut sick = visit();
    sick.set_header("postage-queue", place.queue.name().to_owned());
    sick.set_header("postage-failures", 3);
    let to_the_dead = Place {
        exchange: world.exchange("patient", ExchangeKind::Direct),
        key: "dead".to_owned(),
        ..place.clone()
    };
    bind(&broker, &to_the_dead.exchange, &place.dead, "dead").await;
    publish(&broker, &to_the_dead, sick, BODY).await;
    let letter = next(&mut open(&broker, &place).await).await;
    within("the way back", letter.send_back()).await.expect("it is sent back");
    let back = seen(&mut consume(&broker, place.queue.name()).await).await;
    let mut well = visit();
    well.set_header("postage-queue", place.queue.name().to_owned());
    assert_eq!((back.properties, &*back.body), (well, BODY.as_bytes()));
}

async fn a_call_sent_back_is_run_again(world: World) {
    let (broker, place, _serving, patient, mut ear) = served(&world).await;
    let call = place.producer(&broker).rpc::<u32>("ask", ());
    within("an answer", call).await.expect_err("it panicked");
    assert_eq!(ear.hears().await, "asked");
    let letter = next(&mut open(&broker, &place).await).await;
    assert!(letter.is_call());
    assert_eq!(letter.error(), Some("Panic: too ill"));
    patient.recover();
    within("the way back", letter.send_back()).await.expect("it is sent back");
    assert_eq!(ear.hears().await, "asked");
}

async fn a_discarded_letter_is_gone(world: World) {
    let (broker, place, _serving, _patient, _ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let mut letters = open(&broker, &place).await;
    within("the end of it", next(&mut letters).await.discard()).await.expect("it is discarded");
    drop(letters);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}

async fn a_dropped_letter_stays(world: World) {
    let (broker, place, _serving, _patient, _ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let mut letters = open(&broker, &place).await;
    drop(next(&mut letters).await);
    assert_eq!(next(&mut letters).await.body(), BODY.as_bytes());
    drop(letters);
    assert_eq!(left_in(&broker, &place.dead).await, ["visit"]);
}

async fn letters_come_one_at_a_time(world: World) {
    let (broker, place, _serving, _patient, _ear) = served(&world).await;
    let mut letters = open(&broker, &place).await;
    for number in 0..3 {
        let mut properties = visit();
        properties.message_id = Some(number.to_string().into());
        publish(&broker, &place, properties, BODY).await;
    }
    for _ in 0..3 {
        let letter = next(&mut letters).await;
        within("the end of it", letter.discard()).await.expect("it is discarded");
    }
    // With one in hand, the rest is left to others.
    let mut properties = visit();
    properties.message_id = Some("in hand".into());
    publish(&broker, &place, properties, BODY).await;
    let _in_hand = next(&mut letters).await;
    let mut properties = visit();
    properties.message_id = Some("for others".into());
    publish(&broker, &place, properties, BODY).await;
    let seen = seen(&mut consume(&broker, place.dead.name()).await).await;
    assert_eq!(seen.properties.message_id.as_deref(), Some("for others"));
}

async fn a_letter_of_the_brokers_own_can_be_sent_back(world: World) {
    let broker = world.broker().await;
    let place = world.place("patient");
    place.declare(&broker).await;
    let mut properties = visit();
    properties.expiration = Some(Duration::from_millis(1));
    publish(&broker, &place, properties, BODY).await;
    let letter = next(&mut open(&broker, &place).await).await;
    assert_eq!((letter.error(), letter.handler(), letter.failures()), (None, None, 0));
    assert_eq!(letter.queue(), Some(place.queue.name()));
    within("the way back", letter.send_back()).await.expect("it is sent back");
    let back = seen(&mut consume(&broker, place.queue.name()).await).await;
    assert_eq!((back.properties, &*back.body), (visit(), BODY.as_bytes()));
}

async fn a_letter_that_fails_again_is_a_letter_again(world: World) {
    let (broker, place, _serving, _patient, _ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let mut letters = open(&broker, &place).await;
    for _ in 0..3 {
        let letter = next(&mut letters).await;
        assert_eq!((letter.error(), letter.failures()), (Some("too ill"), 1));
        within("the way back", letter.send_back()).await.expect("it is sent back");
    }
    next(&mut letters).await.discard().await.expect("it is discarded");
}

async fn a_letter_that_does_not_say_where_it_failed_stays(world: World) {
    let broker = world.broker().await;
    let place = world.place("patient");
    place.declare(&broker).await;
    bind(&broker, &place.exchange, &place.dead, "dead").await;
    let place = Place { key: "dead".to_owned(), ..place };
    publish(&broker, &place, visit(), BODY).await;
    let mut letters = open(&broker, &place).await;
    let letter = next(&mut letters).await;
    assert_eq!((letter.queue(), letter.route()), (None, None));
    let failed = within("an error", letter.send_back()).await;
    assert!(matches!(failed, Err(SendError::NoRoute)), "{failed:?}");
    drop(letters);
    assert_eq!(left_in(&broker, &place.dead).await, ["visit"]);
}

async fn a_letter_whose_queue_has_gone_stays(world: World) {
    let (broker, place, serving, _patient, _ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let mut letters = open(&broker, &place).await;
    let letter = next(&mut letters).await;
    within("a drain", serving.drain(DEADLINE)).await;
    let deletion = broker.transport().delete_queue(place.queue.name());
    within("the deletion", deletion).await.expect("it is deleted");
    let failed = within("an error", letter.send_back()).await;
    assert!(matches!(failed, Err(SendError::Unroutable { .. })), "{failed:?}");
    drop(letters);
    assert_eq!(left_in(&broker, &place.dead).await, ["visit"]);
}

async fn letters_of_a_queue_that_is_not_there_are_refused(world: World) {
    let broker = world.broker().await;
    let opened = within("an error", DeadLetters::open(&broker, world.name("nowhere"))).await;
    assert!(opened.is_err());
}

/// As an operator moves it by the broker's own means: under its id, its headers on it.
async fn a_moved_letter_is_handled_though_nobody_sent_it_back(world: World) {
    let (broker, place, _serving, patient, mut ear) = served(&world).await;
    publish(&broker, &place, visit(), BODY).await;
    let letter = seen(&mut consume(&broker, place.dead.name()).await).await;
    patient.recover();
    publish(&broker, &place, letter.properties, letter.body).await;
    let heard = ear.hears().await;
    assert!(heard.starts_with(r#"Some("a visit")"#), "{heard}");
}
