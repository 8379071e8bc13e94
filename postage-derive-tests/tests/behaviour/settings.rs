//! Timeouts, retries and deadlines: the call's before the method's before the producer's.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::{Call, CallFault, FieldValue};

use crate::world::{Anywhere, Place, Voice, World, line, nothing_more, seen, success, within};

const SECOND: Duration = Duration::from_secs(1);

#[producer(exchange = Anywhere, key = "anywhere", timeout = "11s", max_retry = 1)]
trait Clock {
    #[rpc]
    async fn plain(&self) -> u32;
    #[rpc(timeout = "7s", max_retry = 2)]
    async fn set(&self) -> u32;
    #[rpc(deadline = "3s")]
    async fn brief(&self) -> u32;
}

#[producer(exchange = Anywhere, key = "anywhere")]
trait Unset {
    #[rpc]
    async fn plain(&self) -> u32;
}

on_every_broker! {
    an_attempts_time_is_the_calls_then_the_methods_then_the_producers,
    unset_an_attempt_waits_for_thirty_seconds,
    a_deadline_is_the_calls_then_the_methods_then_the_producers,
    retries_are_the_calls_then_the_methods_then_the_producers,
    a_deadline_ends_the_attempts,
    every_attempt_is_the_same_message_with_its_number,
    a_service_counts_the_attempts_of_a_call,
    an_attempt_that_is_answered_is_the_last,
}

/// It answers the third attempt of a call.
struct Late {
    voice: Voice,
}

#[message_processor]
impl Late {
    #[rpc_handler]
    async fn plain(&self, #[context] cx: &Context) -> u32 {
        self.voice.say(cx.message_id().expect("a request has an id"));
        if cx.attempt() < 3 {
            std::future::pending::<()>().await;
        }
        cx.attempt()
    }
}

fn clock(broker: &Broker, place: &Place) -> ClockProducer {
    ClockProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

/// How long the request of a call may wait in a queue, as the receiver sees it: the moment that
/// sending took is taken off it.
async fn waits(requests: &mut postage_core::transport::Subscription, call: Call<u32>) -> Duration {
    let call = tokio::spawn(call);
    let expiration = seen(requests).await.properties.expiration;
    call.abort();
    expiration.expect("a request expires with its attempt")
}

/// In seconds, rounded up.
async fn waits_seconds(
    requests: &mut postage_core::transport::Subscription,
    call: Call<u32>,
) -> Duration {
    let left = waits(requests, call).await;
    Duration::from_secs(left.as_millis().div_ceil(1000) as u64)
}

/// Opens the reply address, so that no later call spends its time on that.
async fn warm_up(clock: &ClockProducer) {
    let ticket = within("a ticket", clock.plain().detach()).await.expect("the request is sent");
    drop(ticket);
}

async fn an_attempts_time_is_the_calls_then_the_methods_then_the_producers(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    let requests = &mut place.consume(&broker).await;
    let clock = clock(&broker, &place);
    assert_eq!(waits_seconds(requests, clock.plain()).await, 11 * SECOND);
    assert_eq!(waits_seconds(requests, clock.set()).await, 7 * SECOND);
    assert_eq!(waits_seconds(requests, clock.set().timeout(2 * SECOND)).await, 2 * SECOND);
    let clock = clock.with(|producer| producer.timeout(5 * SECOND));
    assert_eq!(waits_seconds(requests, clock.plain()).await, 5 * SECOND);
    assert_eq!(waits_seconds(requests, clock.set()).await, 7 * SECOND);
    assert_eq!(waits_seconds(requests, clock.plain().timeout(2 * SECOND)).await, 2 * SECOND);
}

async fn unset_an_attempt_waits_for_thirty_seconds(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    let requests = &mut place.consume(&broker).await;
    let unset = UnsetProducer::new(&broker, Fingerprint::default())
        .with(|producer| producer.eks(place.eks()));
    assert_eq!(waits_seconds(requests, unset.plain()).await, 30 * SECOND);
    let untyped = place.producer(&broker).rpc("plain", ());
    assert_eq!(waits_seconds(requests, untyped).await, 30 * SECOND);
}

async fn a_deadline_is_the_calls_then_the_methods_then_the_producers(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    let requests = &mut place.consume(&broker).await;
    let clock = clock(&broker, &place);
    warm_up(&clock).await;
    seen(requests).await;
    // The request waits for what is left of the deadline, if that is less than the attempt's time.
    let near = |wait: Duration, deadline: Duration| wait <= deadline && wait > deadline * 2 / 3;
    let wait = waits(requests, clock.brief()).await;
    assert!(near(wait, 3 * SECOND), "{wait:?}");
    let clock = clock.with(|producer| producer.deadline(6 * SECOND));
    let wait = waits(requests, clock.plain()).await;
    assert!(near(wait, 6 * SECOND), "{wait:?}");
    let wait = waits(requests, clock.brief()).await;
    assert!(near(wait, 3 * SECOND), "{wait:?}");
    let wait = waits(requests, clock.brief().deadline(SECOND * 3 / 2)).await;
    assert!(near(wait, SECOND * 3 / 2), "{wait:?}");
}

async fn attempts(call: Call<u32>) -> u32 {
    match within("the end of the call", call.timeout(SECOND / 50)).await {
        Err(CallFault::TimedOut { attempts, .. }) => attempts,
        other => panic!("{other:?}"),
    }
}

async fn retries_are_the_calls_then_the_methods_then_the_producers(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    place.declare(&broker).await;
    let clock = clock(&broker, &place);
    warm_up(&clock).await;
    assert_eq!(attempts(clock.plain()).await, 2);
    assert_eq!(attempts(clock.set()).await, 3);
    assert_eq!(attempts(clock.set().max_retry(0)).await, 1);
    let clock = clock.with(|producer| producer.max_retry(3));
    assert_eq!(attempts(clock.plain()).await, 4);
    assert_eq!(attempts(clock.set()).await, 3);
    assert_eq!(attempts(place.producer(&broker).rpc("plain", ())).await, 5, "unset: 4 retries");
}

async fn a_deadline_ends_the_attempts(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    place.declare(&broker).await;
    let clock = clock(&broker, &place);
    warm_up(&clock).await;
    let call = clock.plain().timeout(SECOND / 10).max_retry(1000).deadline(SECOND / 4);
    match within("the end of the call", call).await {
        Err(CallFault::TimedOut { attempts, waited, route, .. }) => {
            assert!((1..=3).contains(&attempts), "{attempts}");
            assert!(waited >= SECOND / 4, "{waited:?}");
            assert_eq!(route.key(), place.key);
        }
        other => panic!("{other:?}"),
    }
}

async fn every_attempt_is_the_same_message_with_its_number(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    let requests = &mut place.consume(&broker).await;
    let clock = clock(&broker, &place);
    warm_up(&clock).await;
    seen(requests).await;

    let call = tokio::spawn(clock.plain().timeout(SECOND).max_retry(2));
    let mut sent = Vec::new();
    for attempt in 1..=3 {
        let request = seen(requests).await;
        let number = request.properties.header("postage-attempt").and_then(FieldValue::as_int);
        assert_eq!(number, Some(attempt));
        sent.push(request);
    }
    let first = &sent[0];
    for other in &sent[1..] {
        assert_eq!(other.properties.message_id, first.properties.message_id);
        assert_eq!(other.properties.correlation_id, first.properties.correlation_id);
        assert_eq!(other.properties.reply_to, first.properties.reply_to);
        assert_eq!(other.body, first.body);
    }
    let fault = within("the end of the call", call).await.unwrap().unwrap_err();
    assert!(matches!(fault, CallFault::TimedOut { attempts: 3, .. }), "{fault:?}");
}

async fn a_service_counts_the_attempts_of_a_call(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    let (voice, mut ear) = line();
    // What is remembered would stand between the attempts and the handler.
    let _serving = place.serve_with(&broker, Late { voice }, |serve| serve.no_dedup()).await;
    let call = clock(&broker, &place).plain().timeout(SECOND).max_retry(4);
    assert_eq!(within("an answer", call).await.expect("it is answered"), 3);
    let id = ear.hears().await;
    assert_eq!((ear.hears().await, ear.hears().await), (id.clone(), id));
    assert_eq!(ear.rest(), [""; 0]);
}

async fn an_attempt_that_is_answered_is_the_last(world: World) {
    let broker = world.broker().await;
    let place = world.place("clock");
    let requests = &mut place.consume(&broker).await;
    let clock = clock(&broker, &place);
    warm_up(&clock).await;
    seen(requests).await;

    let call = tokio::spawn(clock.plain().timeout(SECOND).max_retry(4));
    // Nobody answers the first attempt; an answer to it counts for the second too.
    let first = seen(requests).await;
    let second = seen(requests).await;
    first.answer(&broker, success(&5.into())).await;
    assert_eq!(within("an answer", call).await.unwrap().expect("it is answered"), 5);
    assert_eq!(first.properties.message_id, second.properties.message_id);
    nothing_more(&broker, &place.queue, requests).await;
}
