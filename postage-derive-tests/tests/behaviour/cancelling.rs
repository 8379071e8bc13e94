//! Calls that are given up: whoever has their requests stops, or does not begin, whatever became of
//! the caller, and whenever the service came.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use postage_core::prelude::*;
use postage_core::transport::{Properties, Publication, Subscription};
use postage_core::{FieldValue, Route};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::debugging::Log;
use crate::world::{
    DEADLINE, Ear, Gate, Place, Voice, World, bind, consume, declare, left_in, line, publish, seen,
    within,
};

/// How many calls are dropped at once.
const MANY: usize = 1_000;

struct Tower {
    voice: Voice,
    gate: Gate,
}

struct SaysWhenDropped<'a>(&'a Voice);

impl Drop for SaysWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.say("leaves");
    }
}

#[message_processor]
impl Tower {
    #[rpc_handler(cancellable)]
    async fn watch(&self) -> &'static str {
        self.voice.say("watches");
        let _leaves = SaysWhenDropped(&self.voice);
        self.gate.pass().await;
        "all is well"
    }

    #[rpc_handler]
    async fn ring(&self) -> u32 {
        12
    }
}

on_every_broker! {
    a_thousand_calls_that_are_dropped_at_once_are_all_cancelled,
    a_call_that_was_dropped_before_its_service_came_never_starts,
    a_call_whose_caller_was_gone_before_the_service_came_never_starts,
    a_call_that_is_waited_for_is_answered_by_a_service_that_comes_later,
    a_call_to_many_is_answered_by_a_service_that_comes_later,
    a_service_that_came_later_asks_the_caller_and_does_as_it_says,
    a_handler_ends_with_the_time_of_a_caller_that_says_nothing_more,
    two_runs_of_one_request_are_both_cancelled_and_no_third_begins,
    a_call_that_was_cancelled_before_it_began_counts_as_handled_by_nobody,
    calls_over_another_handle_of_the_connection_are_cancelled_before_it_is_closed,
}

fn tower() -> (Arc<Tower>, Ear) {
    let (voice, ear) = line();
    (Arc::new(Tower { voice, gate: Gate::shut() }), ear)
}

async fn served(world: &World) -> (Broker, Place, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (tower, ear) = tower();
    let serving = place.serve(&broker, tower).await;
    (broker, place, serving, ear)
}

/// Hears nothing but this, so often.
async fn hears(ear: &mut Ear, times: usize, what: &str) {
    for _ in 0..times {
        assert_eq!(ear.hears().await, what);
    }
}

async fn a_thousand_calls_that_are_dropped_at_once_are_all_cancelled(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (tower, mut ear) = tower();
    let _serving = place.serve_with(&broker, tower, |serve| serve.prefetch(0)).await;
    let producer = place.producer(&broker);
    let calls = join_all((0..MANY).map(|_| producer.rpc::<String>("watch", ()).cancellable()));
    let mut calls = Box::pin(calls);
    tokio::select! {
        answers = &mut calls => panic!("{answers:?}"),
        () = hears(&mut ear, MANY, "watches") => {}
    }
    drop(calls);
    hears(&mut ear, MANY, "leaves").await;
}

/// A queue that gets what a place gets: it shows that a request was sent.
async fn copies(world: &World, broker: &Broker, place: &Place) -> Subscription {
    let queue = world.queue("copies");
    declare(broker, &queue).await;
    bind(broker, &place.exchange, &queue, &place.key).await;
    consume(broker, queue.name()).await
}

/// A call whose request waits in its queue, where nobody serves yet.
async fn waiting(world: &World, broker: &Broker, place: &Place) -> tokio::task::JoinHandle<()> {
    place.declare(broker).await;
    let mut copies = copies(world, broker, place).await;
    let call = place.producer(broker).rpc::<String>("watch", ()).cancellable();
    let call = tokio::spawn(async { assert_eq!(call.await.expect("an answer"), "all is well") });
    let request = seen(&mut copies).await;
    assert_eq!(request.name(), "watch");
    let lasts = request.properties.header("postage-lasts").and_then(FieldValue::as_int);
    // Five attempts of 30 s.
    assert!(lasts.is_some_and(|lasts| (140_000..=150_000).contains(&lasts)), "{lasts:?}");
    call
}

/// Serves where a request waits that nobody waits for, and sees that its handler does not begin.
async fn never_starts(world: &World, place: &Place) {
    let (broker, (tower, mut ear)) = (world.broker().await, tower());
    let serving = place.serve_with(&broker, tower, |serve| serve.concurrency(1)).await;
    // It is behind the other.
    let ring = place.producer(&broker).rpc::<u32>("ring", ());
    assert_eq!(within("the call behind it", ring).await.unwrap(), 12);
    assert!(ear.rest().is_empty(), "the tower is not watched");
    let drained = within("the drain", serving.drain(DEADLINE)).await;
    assert_eq!(drained.given_back, 0, "the request is settled");
    assert!(left_in(&broker, &place.queue).await.is_empty());
}

async fn a_call_that_was_dropped_before_its_service_came_never_starts(world: World) {
    let callers = world.broker().await;
    let place = world.place("tower");
    let call = waiting(&world, &callers, &place).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    never_starts(&world, &place).await;
}

async fn a_call_whose_caller_was_gone_before_the_service_came_never_starts(world: World) {
    let callers = world.broker().await;
    let place = world.place("tower");
    let call = waiting(&world, &callers, &place).await;
    within("the end of the caller", callers.close()).await.unwrap();
    assert!(call.await.unwrap_err().is_panic(), "it was not answered");
    never_starts(&world, &place).await;
}

async fn a_call_that_is_waited_for_is_answered_by_a_service_that_comes_later(world: World) {
    let callers = world.broker().await;
    let place = world.place("tower");
    let call = waiting(&world, &callers, &place).await;
    let (broker, (tower, mut ear)) = (world.broker().await, tower());
    let _serving = place.serve(&broker, Arc::clone(&tower)).await;
    hears(&mut ear, 1, "watches").await;
    tower.gate.open(1);
    within("the answer", call).await.unwrap();
}

async fn a_call_to_many_is_answered_by_a_service_that_comes_later(world: World) {
    let callers = world.broker().await;
    let place = world.place("tower");
    place.declare(&callers).await;
    let mut copies = copies(&world, &callers, &place).await;
    let call = place.producer(&callers).rpc::<String>("watch", ()).cancellable();
    let answers = tokio::spawn(call.answers(DEADLINE).first(1));
    assert_eq!(seen(&mut copies).await.name(), "watch");
    let (broker, (tower, mut ear)) = (world.broker().await, tower());
    let _serving = place.serve(&broker, Arc::clone(&tower)).await;
    hears(&mut ear, 1, "watches").await;
    tower.gate.open(1);
    let answers = within("the answer", answers).await.unwrap();
    assert_eq!(answers[0].result.as_deref().unwrap(), "all is well");
}

fn request_of(id: &'static str) -> Properties {
    let mut properties = Properties::default();
    properties.message_id = Some(id.into());
    properties
}

/// A request by hand.
fn watch() -> String {
    let content = json!({ "parameters": {} });
    json!({ "type": "command", "name": "watch", "category": "rpc", "content": content }).to_string()
}

async fn a_service_that_came_later_asks_the_caller_and_does_as_it_says(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (tower, mut ear) = tower();
    let _serving = place.serve(&broker, Arc::clone(&tower)).await;
    let callers = world.broker().await;
    let address = world.queue("caller");
    declare(&callers, &address).await;
    let mut inbox = consume(&callers, address.name()).await;
    for (id, answer) in [
        ("left", json!({ "left": [{ "id": "left", "for": 60_000 }] })),
        ("wanted", json!({ "wanted": ["wanted"] })),
        ("of a caller that does not know the question", Value::Null),
    ] {
        let mut request = request_of(id);
        request.correlation_id = Some(id.into());
        request.reply_to = Some(address.name().to_owned().into());
        request.set_header("postage-lasts", 60_000);
        publish(&callers, &place, request, watch()).await;
        let question = seen(&mut inbox).await;
        assert_eq!(
            (question.name(), question.json()["type"].clone()),
            ("wanted".into(), "status".into())
        );
        assert_eq!(question.properties.kind.as_deref(), Some("status"));
        assert_eq!(question.properties.correlation_id.as_deref(), Some(id));
        assert!(ear.rest().is_empty(), "it does not begin before that is known");
        if !answer.is_null() {
            let said = json!({
                "type": "command", "name": "cancelled", "category": "message",
                "content": { "parameters": answer },
            });
            question.answer(&callers, said.to_string()).await;
        }
        if id != "left" {
            hears(&mut ear, 1, "watches").await;
        }
    }
    // By now the first would have begun.
    let ring = place.producer(&broker).rpc::<u32>("ring", ());
    assert_eq!(within("a call", ring).await.unwrap(), 12);
    assert!(ear.rest().is_empty());
    tower.gate.open(2);
    hears(&mut ear, 2, "leaves").await;
}

async fn a_handler_ends_with_the_time_of_a_caller_that_says_nothing_more(world: World) {
    let (_broker, place, _serving, mut ear) = served(&world).await;
    let callers = world.broker().await;
    let call = place.producer(&callers).rpc::<String>("watch", ()).cancellable();
    let lasts = Duration::from_secs(1);
    let since = Instant::now();
    let call = tokio::spawn(call.timeout(lasts).max_retry(0));
    hears(&mut ear, 1, "watches").await;
    // As when its process is killed.
    within("the end of the caller", callers.close()).await.unwrap();
    hears(&mut ear, 1, "leaves").await;
    assert!(since.elapsed() >= lasts, "it had that time");
    assert!(within("the end of the call", call).await.unwrap().is_err());
}

/// Says by hand that a caller has left.
async fn cancel(broker: &Broker, id: &str) {
    let left = json!([{ "id": id, "for": 60_000 }]);
    let said = json!({
        "type": "command", "name": "cancelled", "category": "message",
        "content": { "parameters": { "left": left } },
    });
    let route = Route::new("postage-cancelled", "");
    let said = Publication::new(route, Properties::default(), said.to_string()).mandatory(false);
    within("a confirm", broker.transport().publish(said)).await.unwrap();
}

async fn two_runs_of_one_request_are_both_cancelled_and_no_third_begins(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (tower, mut ear) = tower();
    let _serving = place.serve_with(&broker, Arc::clone(&tower), |serve| serve.no_dedup()).await;
    for _ in 0..3 {
        publish(&broker, &place, request_of("1"), watch()).await;
    }
    hears(&mut ear, 3, "watches").await;
    // One ends by itself.
    tower.gate.open(1);
    hears(&mut ear, 1, "leaves").await;
    cancel(&broker, "1").await;
    hears(&mut ear, 2, "leaves").await;
    for _ in 0..2 {
        publish(&broker, &place, request_of("1"), watch()).await;
    }
    let ring = place.producer(&broker).rpc::<u32>("ring", ());
    assert_eq!(within("the call behind them", ring).await.unwrap(), 12);
    assert!(ear.rest().is_empty(), "it does not begin again");
}

async fn a_call_that_was_cancelled_before_it_began_counts_as_handled_by_nobody(world: World) {
    let broker = world.broker().await;
    let place = world.place("tower");
    let (tower, mut ear) = tower();
    declare(&broker, &place.dead).await;
    let serve = broker.serve(Arc::clone(&tower)).concurrency(1);
    let serve = serve.bind(place.exchange.clone(), place.queue.clone(), place.key.clone());
    let started = serve.application(world.name("watchmen")).into_future();
    let application = within("the application", started).await.unwrap();
    for id in ["running", "cancelled"] {
        publish(&broker, &place, request_of(id), watch()).await;
    }
    let ring = tokio::spawn(place.producer(&broker).rpc::<u32>("ring", ()));
    hears(&mut ear, 1, "watches").await;
    // Heard in this order.
    for id in ["cancelled", "running"] {
        cancel(&broker, id).await;
    }
    hears(&mut ear, 1, "leaves").await;
    assert_eq!(within("the call behind them", ring).await.unwrap().unwrap(), 12);
    let description = application.description();
    let watch = description.handlers.iter().find(|handler| handler.name == "watch").unwrap();
    assert_eq!((watch.handled, watch.failed), (1, 0));
}

async fn calls_over_another_handle_of_the_connection_are_cancelled_before_it_is_closed(
    world: World,
) {
    let (_broker, place, _serving, mut ear) = served(&world).await;
    let callers = world.broker().await;
    let other = callers.with_max_body(1_000_000);
    let call = tokio::spawn(place.producer(&other).rpc::<String>("watch", ()).cancellable());
    hears(&mut ear, 1, "watches").await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    within("the closing", callers.close()).await.unwrap();
    hears(&mut ear, 1, "leaves").await;
}

/// As where neither side has the permission. On RabbitMQ the exchange is everybody's.
#[tokio::test(start_paused = true)]
async fn where_callers_cannot_be_heard_each_side_is_warned_once() {
    let (log, _logging) = Log::begin();
    let world = World::memory();
    let another = Exchange::new("postage-cancelled", ExchangeKind::Direct);
    world.broker().await.declare_exchange(&another).await.unwrap();
    let callers = world.broker().await;
    let (_broker, place, _serving, mut ear) = served(&world).await;
    for _ in 0..2 {
        let call = place.producer(&callers).rpc::<String>("watch", ()).cancellable();
        let call = tokio::spawn(call.timeout(Duration::from_secs(5)).max_retry(0));
        hears(&mut ear, 1, "watches").await;
        call.abort();
        // With the time of the call, and after several attempts to listen.
        hears(&mut ear, 1, "leaves").await;
    }
    let log = log.text();
    let warned = |what: &str| {
        let mut warnings = log.lines().filter(|line| line.contains("WARN"));
        let found = warnings.by_ref().filter(|line| line.contains(what)).count();
        assert_eq!(found, 1, "{what}: {log}");
    };
    warned("services cannot be told that callers have left");
    warned("callers that leave cannot be heard");
    assert!(log.contains("exchange=\"postage-cancelled\""), "{log}");
}
