//! Calls that take their time: what their callers are told meanwhile, and how they end before it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, poll_immediate};
use postage_core::prelude::*;
use postage_core::transport::{Properties, Subscription};
use postage_core::{Event, Events, Peer, Progress};
use serde_json::{Value, json};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use crate::world::{
    DEADLINE, Ear, Gate, Place, Seen, Voice, World, consume, declare, line, nothing_more, publish,
    seen, success, within,
};

/// A heartbeat as short as may be.
const BEAT: Duration = Duration::from_millis(100);

struct Yard {
    voice: Voice,
    gate: Gate,
}

struct SaysWhenDropped<'a>(&'a Voice, String);

impl Drop for SaysWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.say(&*self.1);
    }
}

#[message_processor]
impl Yard {
    /// Several report at once.
    #[rpc_handler]
    async fn count(&self, #[context] cx: &Context, number: u64) -> u64 {
        let part = async |part: u64| {
            for step in 1..=10 {
                cx.progress(part * 10 + step, 30, number);
                yield_now().await;
            }
        };
        join_all([part(0), part(1)]).await;
        part(2).await;
        number
    }

    #[rpc_handler]
    async fn many_steps(&self, #[context] cx: &Context, steps: u64) {
        for step in 1..=steps {
            cx.progress(step, steps, ());
            if step % 1_000 == 0 {
                yield_now().await;
            }
        }
    }

    /// Reports, waits at the gate, and reports again.
    #[rpc_handler]
    async fn haul(&self, #[context] cx: &Context, load: u32) -> u32 {
        cx.progress(1, 2, "loaded");
        self.voice.say(format!("hauls {load}"));
        self.gate.pass().await;
        cx.progress(2, 2, "unloaded");
        load
    }

    #[rpc_handler(cancellable)]
    async fn guard(&self, post: &str) {
        self.voice.say(format!("guards {post}"));
        let _dropped = SaysWhenDropped(&self.voice, format!("leaves {post}"));
        self.gate.pass().await;
    }

    #[rpc_handler(cancellable)]
    async fn guard_well(&self, #[context] cx: &Context, post: &str) {
        self.voice.say(format!("guards {post}"));
        cx.cancelled().await;
        yield_now().await;
        self.voice.say(format!("locks {post}"));
    }

    #[rpc_handler]
    async fn admit(&self, #[context] cx: &Context, guest: &str) -> Result<u32, String> {
        if guest == "nobody" {
            return cx.reject_call("nobody is not admitted").await;
        }
        cx.accept();
        Ok(1)
    }

    #[message_handler]
    async fn deliver(&self, #[context] cx: &Context, parcel: u32) {
        let _never: () = cx.reject_call(format!("no room for {parcel}")).await;
    }
}

on_every_broker! {
    a_thousand_calls_at_once_each_hear_of_themselves_alone_and_in_order,
    a_million_steps_cost_the_broker_at_most_the_set_rate,
    a_status_has_the_properties_the_names_and_the_contents_that_are_promised,
    who_asks_for_nothing_gets_the_result_alone,
    a_call_with_progress_is_still_a_future_of_its_value,
    a_call_whose_replies_have_an_address_of_their_own_has_events_too,
    a_call_through_layers_has_events_too,
    a_call_under_way_has_no_events,
    data_that_do_not_serialize_show_when_the_call_is_awaited,
    a_request_that_comes_again_is_told_at_its_newest_address,
    dropping_the_events_stops_a_running_handler,
    a_call_dropped_just_before_its_connection_is_closed_is_cancelled,
    a_cancelled_call_that_had_not_started_never_starts,
    a_handler_that_asks_for_the_cancellation_ends_by_itself,
    a_rejected_call_says_why,
    a_message_that_is_rejected_so_is_a_dead_letter,
    a_service_can_leave_the_acceptance_to_its_handlers,
    slow_work_with_heartbeats_is_waited_for,
    a_service_that_died_is_silent_long_before_the_call_is_out_of_time,
    a_request_that_nobody_has_taken_is_not_silent,
}

fn yard() -> (Arc<Yard>, Ear) {
    let (voice, ear) = line();
    (Arc::new(Yard { voice, gate: Gate::shut() }), ear)
}

async fn served(world: &World) -> (Broker, Place, Arc<Yard>, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, ear) = yard();
    let serving = place.serve(&broker, Arc::clone(&yard)).await;
    (broker, place, yard, serving, ear)
}

async fn next<T: for<'de> serde::Deserialize<'de> + Send + 'static>(
    events: &mut Events<T>,
) -> Event<T> {
    within("an event", events.next()).await.expect("the call has not ended")
}

/// All events, shortened to a line each. The end is there, and nothing after it.
async fn told<T: for<'de> serde::Deserialize<'de> + std::fmt::Debug + Send + 'static>(
    mut events: Events<T>,
) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        match next(&mut events).await {
            Event::Progress(progress) => told.push(shown(&progress)),
            Event::Ended(result) => {
                told.push(match result {
                    Ok(value) => format!("{value:?}"),
                    Err(fault) => fault.to_string(),
                });
                assert!(within("nothing", events.next()).await.is_none());
                return told;
            }
            other => told.push(format!("{other:?}")),
        }
    }
}

fn shown(progress: &Progress) -> String {
    let details: Value = progress.details().expect("it is JSON");
    format!("{} of {}: {details}", progress.completed, progress.total)
}

async fn a_thousand_calls_at_once_each_hear_of_themselves_alone_and_in_order(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    let mut calls = JoinSet::new();
    for number in 0..1_000_u64 {
        let call = producer.rpc::<u64>("count", number).data(json!({ "mine": number }));
        let mut events = call.timeout(DEADLINE * 3).events();
        calls.spawn(async move {
            assert!(matches!(next_of(&mut events).await, Event::Accepted), "{number}");
            assert!(matches!(next_of(&mut events).await, Event::Started), "{number}");
            let mut last = 0;
            loop {
                match next_of(&mut events).await {
                    Event::Progress(progress) => {
                        assert_eq!(progress.details::<u64>().unwrap(), number);
                        assert_eq!(progress.data::<Value>().unwrap(), json!({ "mine": number }));
                        last = progress.completed;
                    }
                    Event::Ended(result) => {
                        assert_eq!((last, result.unwrap()), (30, number));
                        assert!(events.next().await.is_none());
                        return;
                    }
                    other => panic!("{number}: {other:?} after the start"),
                }
            }
        });
    }
    let ended = tokio::time::timeout(DEADLINE * 3, calls.join_all()).await;
    assert_eq!(ended.expect("all calls end").len(), 1_000);
}

async fn next_of(events: &mut Events<u64>) -> Event<u64> {
    events.next().await.expect("the end comes last")
}

/// A reply address of the case's own.
struct Inbox {
    queue: Queue,
    messages: Subscription,
}

impl Inbox {
    async fn of(world: &World, broker: &Broker, stem: &str) -> Self {
        let queue = world.queue(stem);
        declare(broker, &queue).await;
        let messages = consume(broker, queue.name()).await;
        Self { queue, messages }
    }

    /// Asks by hand for what the headers say, to be told here.
    async fn asks(
        &self,
        (broker, place): (&Broker, &Place),
        id: &'static str,
        (name, parameters): (&str, Value),
        headers: &[(&'static str, postage_core::FieldValue)],
    ) {
        let mut properties = Properties::default();
        properties.message_id = Some(id.into());
        properties.correlation_id = Some("mine".into());
        properties.reply_to = Some(self.queue.name().to_owned().into());
        for (name, value) in headers {
            properties.set_header(*name, value.clone());
        }
        let body = json!({
            "type": "command", "name": name, "category": "rpc",
            "content": { "parameters": parameters },
        });
        publish(broker, place, properties, body.to_string()).await;
    }

    async fn next(&mut self) -> Seen {
        let seen = seen(&mut self.messages).await;
        assert_eq!(seen.properties.correlation_id.as_deref(), Some("mine"));
        seen
    }
}

async fn a_million_steps_cost_the_broker_at_most_the_set_rate(world: World) {
    const STEPS: u64 = 1_000_000;
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let since = Instant::now();
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("many_steps", json!(STEPS)), &asked).await;
    let (mut messages, mut last) = (0, Value::Null);
    loop {
        let message = inbox.next().await;
        messages += 1;
        match message.json() {
            result if result["type"] == "result" => break,
            status if status["name"] == "progress" => last = status["content"].clone(),
            _ => {}
        }
    }
    let took = since.elapsed();
    // Accepted, started, the first progress, the last one, the result; ten a second between them.
    let most = 5 + took.as_millis() / 100;
    println!("a million steps took {took:?} and {messages} messages, {most} at most");
    assert!(messages <= most, "{messages} messages in {took:?}");
    assert_eq!(last, json!({ "total": STEPS, "completed": STEPS, "details": null }));
}

async fn a_status_has_the_properties_the_names_and_the_contents_that_are_promised(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-statuses", true.into()), ("postage-data", r#"{"group":2}"#.into())];
    inbox.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 7");
    let loaded = json!({ "total": 2, "completed": 1, "details": "loaded" });
    let unloaded = json!({ "total": 2, "completed": 2, "details": "unloaded" });
    let statuses = [
        ("accepted", json!({})),
        ("started", json!({})),
        ("progress", loaded),
        ("progress", unloaded),
    ];
    for (place, (name, content)) in statuses.into_iter().enumerate() {
        if place == 3 {
            yard.gate.open(1);
        }
        let status = inbox.next().await;
        let body = status.json();
        assert_eq!((&body["type"], &body["name"]), (&json!("status"), &json!(name)));
        assert_eq!((&body["category"], &body["version"]), (&json!("message"), &json!("2")));
        assert_eq!((&body["content"], &body["_reserved"]), (&content, &json!({})));
        assert_eq!(body["fingerprint"]["type"], "service");
        assert_eq!(status.properties.kind.as_deref(), Some("status"));
        assert_eq!(status.properties.content_type.as_deref(), Some("application/json"));
        let data = status.properties.header("postage-data").expect("it is returned");
        assert_eq!(data.as_str(), Some(r#"{"group":2}"#));
    }
    let result = inbox.next().await;
    assert_eq!((&result.properties.kind, result.properties.headers.len()), (&None, 0));
    assert_eq!(result.json(), serde_json::from_str::<Value>(&success(&json!(7))).unwrap());
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn who_asks_for_nothing_gets_the_result_alone(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    // Data alone asks for nothing.
    let asked = [("postage-data", "1".into()), ("postage-statuses", false.into())];
    inbox.asks((&broker, &place), "1", ("count", json!(3)), &asked).await;
    assert_eq!(inbox.next().await.json()["content"]["value"], 3);
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn a_call_with_progress_is_still_a_future_of_its_value(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let (heard, mut hears) = tokio::sync::mpsc::channel(8);
    let call = place.producer(&broker).rpc::<u32>("haul", 7);
    let call = call.on_progress(move |progress| heard.try_send(shown(&progress)).unwrap());
    let call = tokio::spawn(call);
    assert_eq!(ear.hears().await, "hauls 7");
    assert_eq!(within("progress", hears.recv()).await.unwrap(), r#"1 of 2: "loaded""#);
    yard.gate.open(1);
    assert_eq!(within("the value", call).await.unwrap().unwrap(), 7);
    assert_eq!(within("progress", hears.recv()).await.unwrap(), r#"2 of 2: "unloaded""#);
    assert!(within("nothing", hears.recv()).await.is_none());
}

async fn a_call_whose_replies_have_an_address_of_their_own_has_events_too(world: World) {
    let (broker, place, yard, _serving, _ear) = served(&world).await;
    yard.gate.open(1);
    let call = place.producer(&broker).rpc::<u32>("haul", 7).peer(Peer::Python);
    has_all_events(told(call.events()).await);
}

async fn a_call_through_layers_has_events_too(world: World) {
    let (broker, place, yard, _serving, _ear) = served(&world).await;
    yard.gate.open(1);
    let layer = tower::limit::ConcurrencyLimitLayer::new(1);
    let call = place.producer(&broker).layer(layer).rpc::<u32>("haul", 7);
    has_all_events(told(call.events()).await);
}

/// The first progress may be folded into the second.
#[track_caller]
fn has_all_events(mut told: Vec<String>) {
    told.retain(|event| event != r#"1 of 2: "loaded""#);
    assert_eq!(told, ["Accepted", "Started", r#"2 of 2: "unloaded""#, "7"]);
}

async fn a_call_under_way_has_no_events(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut call = place.producer(&broker).rpc::<u32>("haul", 7);
    assert!(poll_immediate(&mut call).await.is_none());
    let told = told(call.events()).await;
    assert_eq!(told, [CallFault::UnderWay.to_string()]);
}

async fn data_that_do_not_serialize_show_when_the_call_is_awaited(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let no_json = std::collections::HashMap::from([((1, 2), 3)]);
    let call = place.producer(&broker).rpc::<u32>("haul", 7).data(no_json);
    let failed = within("the call", call).await.unwrap_err();
    assert!(matches!(failed, CallFault::Encode(_)), "{failed:?}");
    assert!(failed.to_string().contains("the data of a call"), "{failed}");
}

async fn a_request_that_comes_again_is_told_at_its_newest_address(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let mut first = Inbox::of(&world, &broker, "first").await;
    let mut second = Inbox::of(&world, &broker, "second").await;
    let asked = [("postage-statuses", true.into())];
    first.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 7");
    for name in ["accepted", "started", "progress"] {
        assert_eq!(first.next().await.name(), name);
    }
    second.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    let mut names = vec![second.next().await.name()];
    while names.last().unwrap() != "progress" {
        names.push(second.next().await.name());
    }
    names.dedup();
    assert_eq!(names, ["accepted", "started", "progress"], "what was said is said again");
    yard.gate.open(1);
    let unloaded = second.next().await.json();
    assert_eq!(unloaded["content"]["details"], "unloaded");
    assert_eq!(second.next().await.json()["content"]["value"], 7);
    assert_eq!(first.next().await.json()["content"]["value"], 7);
    nothing_more(&broker, &first.queue, &mut first.messages).await;
    nothing_more(&broker, &second.queue, &mut second.messages).await;
    assert!(ear.rest().is_empty(), "it ran once");
}

async fn dropping_the_events_stops_a_running_handler(world: World) {
    let (broker, place, _yard, _serving, mut ear) = served(&world).await;
    let producer = place.producer(&broker);
    let mut latencies = Vec::new();
    for post in ["the gate", "the wall", "the well", "the barn", "the road"] {
        let mut events = producer.rpc::<()>("guard", post).cancellable().events();
        assert!(matches!(next(&mut events).await, Event::Accepted));
        assert!(matches!(next(&mut events).await, Event::Started));
        assert_eq!(ear.hears().await, format!("guards {post}"));
        let since = Instant::now();
        drop(events);
        assert_eq!(ear.hears().await, format!("leaves {post}"));
        latencies.push(since.elapsed());
    }
    println!("from the drop of a call to that of its handler: {latencies:?}");
    // Another program may hold up some of them.
    let best = latencies.into_iter().min().expect("there are five");
    assert!(best < Duration::from_millis(100), "{best:?}");
}

async fn a_call_dropped_just_before_its_connection_is_closed_is_cancelled(world: World) {
    let (_broker, place, _yard, _serving, mut ear) = served(&world).await;
    let callers = world.broker().await;
    let call = place.producer(&callers).rpc::<()>("guard", "the gate").cancellable();
    let mut events = call.events();
    assert!(matches!(next(&mut events).await, Event::Accepted));
    assert_eq!(ear.hears().await, "guards the gate");
    drop(events);
    within("the closing", callers.close()).await.unwrap();
    assert_eq!(ear.hears().await, "leaves the gate");
}

async fn a_cancelled_call_that_had_not_started_never_starts(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, mut ear) = yard();
    let serving = place.serve_with(&broker, Arc::clone(&yard), |serve| serve.concurrency(1));
    let _serving = serving.await;
    let producer = place.producer(&broker);
    let mut running = producer.rpc::<()>("guard", "the gate").cancellable().events();
    assert!(matches!(next(&mut running).await, Event::Accepted));
    assert_eq!(ear.hears().await, "guards the gate");
    let mut waiting = producer.rpc::<()>("guard", "the wall").cancellable().events();
    assert!(matches!(next(&mut waiting).await, Event::Accepted));
    let last = tokio::spawn(producer.rpc::<u64>("count", 3));
    // The service hears of them in this order.
    drop(waiting);
    drop(running);
    assert_eq!(ear.hears().await, "leaves the gate");
    assert_eq!(within("the last call", last).await.unwrap().unwrap(), 3);
    assert!(ear.rest().is_empty(), "the wall is not guarded");
}

async fn a_handler_that_asks_for_the_cancellation_ends_by_itself(world: World) {
    let (broker, place, _yard, _serving, mut ear) = served(&world).await;
    let call = place.producer(&broker).rpc::<()>("guard_well", "the gate").cancellable();
    let call = tokio::spawn(call);
    assert_eq!(ear.hears().await, "guards the gate");
    call.abort();
    assert_eq!(ear.hears().await, "locks the gate");
}

async fn a_rejected_call_says_why(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    let call = producer.rpc::<u32>("admit", "nobody");
    match within("the call", call).await {
        Err(CallFault::Rejected { reason }) => assert_eq!(reason, "nobody is not admitted"),
        other => panic!("{other:?}"),
    }
    let told = told(producer.rpc::<u32>("admit", "nobody").events()).await;
    let why = "the service rejected the call: nobody is not admitted";
    assert_eq!(told, ["Accepted", "Started", why]);

    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("admit", json!("nobody")), &asked).await;
    for name in ["accepted", "started"] {
        assert_eq!(inbox.next().await.name(), name);
    }
    let rejected = inbox.next().await.json();
    assert_eq!(rejected["name"], "rejected");
    assert_eq!(rejected["content"], json!({ "reason": "nobody is not admitted" }));
    let exception = json!({
        "type": "exception", "value": "Rejected", "message": "nobody is not admitted"
    });
    assert_eq!(inbox.next().await.json()["content"], exception);
}

async fn a_message_that_is_rejected_so_is_a_dead_letter(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    within("a send", place.producer(&broker).command("deliver", 7)).await.unwrap();
    let letter = seen(&mut dead).await;
    let reason = letter.properties.header("postage-error").and_then(|why| why.as_str());
    assert_eq!(reason, Some("no room for 7"));
}

async fn a_service_can_leave_the_acceptance_to_its_handlers(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, _ear) = yard();
    yard.gate.open(1);
    let serving = place.serve_with(&broker, yard, |serve| serve.accepted_by_handlers(true));
    let _serving = serving.await;
    let producer = place.producer(&broker);
    let admitted = told(producer.rpc::<u32>("admit", "Ann").events()).await;
    assert_eq!(admitted, ["Accepted", "Started", "1"]);
    let rejected = told(producer.rpc::<u32>("admit", "nobody").events()).await;
    assert_eq!(rejected, ["the service rejected the call: nobody is not admitted"]);
    // Who reports has accepted.
    has_all_events(told(producer.rpc::<u32>("haul", 7).events()).await);
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
