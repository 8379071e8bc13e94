//! Calls that take their time: what their callers are told meanwhile, and how they end before it.

mod events;
mod rejecting;
mod silent;
mod statuses;
mod stuck;
mod twice;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use postage_core::prelude::*;
use postage_core::transport::{Properties, Subscription};
use postage_core::{Event, Events, Progress};
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::world::{
    Ear, Gate, Place, Seen, Voice, World, consume, declare, line, publish, seen, within,
};

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
        let done = AtomicU64::new(0);
        let part = async || {
            for _ in 1..=10 {
                cx.progress(done.fetch_add(1, Ordering::Relaxed) + 1, 30, number);
                yield_now().await;
            }
        };
        join_all([part(), part()]).await;
        part().await;
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

    /// Reports once, in so many letters.
    #[rpc_handler]
    async fn describe(&self, #[context] cx: &Context, letters: u32) {
        cx.progress(1, 1, "a".repeat(letters as usize));
    }

    /// Answers, and works on until it may pass the gate.
    #[rpc_handler]
    async fn admit_early(&self, #[reply] answer: Reply<'_, u32>, guest: u32) {
        let told = answer.send(guest).await;
        self.voice.say(format!("has answered {}", told.is_ok()));
        self.gate.pass().await;
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
    dropping_the_events_stops_a_running_handler,
    a_call_dropped_just_before_its_connection_is_closed_is_cancelled,
    a_cancelled_call_that_had_not_started_never_starts,
    a_handler_that_asks_for_the_cancellation_ends_by_itself,
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
        self.asks_with((broker, place), properties, (name, parameters), headers).await;
    }

    /// As [`Inbox::asks`], with any properties.
    async fn asks_with(
        &self,
        (broker, place): (&Broker, &Place),
        mut properties: Properties,
        (name, parameters): (&str, Value),
        headers: &[(&'static str, postage_core::FieldValue)],
    ) {
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

    /// The names of the next messages, up to so many results, which have no name.
    async fn names(&mut self, mut results: usize) -> Vec<String> {
        let mut names = Vec::new();
        while results > 0 {
            let name = self.next().await.name();
            results -= usize::from(name == "none");
            names.push(name);
        }
        names
    }

    async fn next(&mut self) -> Seen {
        let seen = seen(&mut self.messages).await;
        assert_eq!(seen.properties.correlation_id.as_deref(), Some("mine"));
        seen
    }
}

/// The first progress may be folded into the second.
#[track_caller]
fn has_all_events(mut told: Vec<String>) {
    told.retain(|event| event != r#"1 of 2: "loaded""#);
    assert_eq!(told, ["Accepted", "Started", r#"2 of 2: "unloaded""#, "7"]);
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
