//! A service under bodies that are no messages: none stops it, each is rejected, and the next good
//! call is answered. A caller under replies that are none.
//!
//! The same on both transports; the AMQP half needs a broker at `POSTAGE_TEST_AMQP_URL`.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bodies;
mod replies;

use std::future::Future;
use std::time::Duration;

use bodies::{Bodies, GOOD};
use postage_core::prelude::*;
use postage_core::transport::{
    Delivery, Properties, Publication, Settlement, Source, Subscription,
};
use postage_core::{Binding, Route};
use replies::a_thousand_malformed_replies;
use serde_json::Value;
use uuid::Uuid;

/// How many malformed bodies are sent.
const BODIES: usize = 1_000;

/// A good call comes after so many of them.
const BETWEEN: usize = 50;

/// The limit to a body in these tests, in bytes.
const LIMIT: usize = 64 * 1024;

/// Longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(30);

struct Keeper;

#[message_processor]
impl Keeper {
    #[rpc_handler]
    async fn keep(&self, value: Value, times: u32) -> u32 {
        drop(value);
        times
    }
}

/// A service with the limit, whose rejected messages and whose exception replies are counted.
struct World {
    /// Without the service's limit, so that it can send more.
    broker: Broker,
    serving: Serving,
    queue: String,
    producer: Producer,
    dead: Subscription,
    reply_to: String,
    replies: Subscription,
}

impl World {
    async fn on(broker: Broker) -> Self {
        let queue = format!("malformed-{}", Uuid::new_v4());
        let exchange = Exchange::new(queue.clone(), ExchangeKind::Direct);
        let dead = format!("{queue}-dead");
        let own = |name: &str| Queue::new(name.to_owned()).durable(false).exclusive(true);
        broker.declare_queue(&own(&dead)).await.expect("a queue");
        broker.declare_exchange(&exchange).await.expect("an exchange");
        let binding = Binding::new(exchange.clone(), dead.clone(), "dead");
        broker.bind(&binding).await.expect("a binding");

        let limited = broker.with_max_body(LIMIT);
        let letters = own(&queue).dead_letter(queue.clone()).dead_letter_key("dead");
        let serving = limited.serve(Keeper).bind(exchange.clone(), letters, "keep");
        let serving = serving.await.expect("it is served");

        let reply_to = broker.declare_queue(&Queue::server_named()).await.expect("a queue");
        let producer = Producer::new(&broker, Fingerprint::new("test", "test"));
        Self {
            serving,
            producer: producer.eks([(exchange, "keep")]).timeout(DEADLINE).max_retry(0),
            dead: consume(&broker, &dead).await,
            replies: consume(&broker, &reply_to).await,
            broker,
            queue,
            reply_to,
        }
    }

    async fn send(&self, body: Vec<u8>, answered: bool) {
        let mut properties = Properties::default();
        properties.content_type = Some("application/json".into());
        properties.reply_to = answered.then(|| self.reply_to.clone().into());
        let route = Route::new(self.queue.clone(), "keep");
        let publication = Publication::new(route, properties, body).mandatory(false);
        let sent = self.broker.transport().publish(publication);
        within("a confirm", sent).await.expect("the broker takes it");
    }

    /// A call that must be answered.
    async fn call(&self, number: usize) {
        let number = u32::try_from(number).expect("a small number");
        let parameters = serde_json::json!({"value": [], "times": number});
        let call = self.producer.rpc::<u32>("keep", parameters);
        assert_eq!(within("an answer", call).await.expect("it is answered"), number);
    }

    /// Sends a body that must be rejected and answered by an exception of this name and text.
    async fn refused(&mut self, body: Vec<u8>, exception: &str, text: &str) {
        let bytes = body.len();
        self.send(body, true).await;
        let reply = soon(&mut self.replies).await;
        let reply: Value = serde_json::from_slice(&reply.body).expect("a reply is JSON");
        assert_eq!(reply["content"]["value"], exception, "{reply}");
        let reason = reply["content"]["message"].as_str().expect("a text");
        assert!(reason.contains(text), "{reason}");
        assert_eq!(soon(&mut self.dead).await.body.len(), bytes);
    }

    async fn leave(self) {
        let drained = within("the drain", self.serving.drain(DEADLINE)).await;
        assert_eq!(drained.cut_off, 0);
        within("the end", self.broker.close()).await.expect("the connection is closed");
    }
}

async fn consume(broker: &Broker, queue: &str) -> Subscription {
    let source = Source::new(queue.to_owned());
    broker.transport().consume(source).await.expect("the queue is consumed")
}

/// The next delivery, whose copy at the broker is gone by then.
async fn next(subscription: &mut Subscription) -> Delivery {
    let next = subscription.next().await;
    let delivery = next.expect("the subscription lives").expect("the subscription goes on");
    let copy = Delivery::new(
        delivery.body.clone(),
        delivery.properties.clone(),
        delivery.route.clone(),
        delivery.redelivered,
        None,
    );
    delivery.settle(Settlement::Ack).await.expect("it is acknowledged");
    copy
}

/// The next delivery, which must come.
async fn soon(subscription: &mut Subscription) -> Delivery {
    within("a delivery", next(subscription)).await
}

#[track_caller]
fn within<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(value) => value,
            Err(_) => panic!("{place}: waited {DEADLINE:?} for {what}"),
        }
    }
}

/// Sends the bodies, each second one with a reply address, and counts what comes of them.
async fn a_thousand_malformed_bodies(broker: Broker) {
    let mut world = World::on(broker).await;
    let bodies: Vec<_> = Bodies::new(2026, LIMIT).take(BODIES).collect();
    for (number, body) in bodies.iter().enumerate() {
        world.send(body.bytes.clone(), number % 2 == 0).await;
        if number % BETWEEN == 0 {
            world.call(number).await;
        }
    }
    // Every single one was rejected, none came twice, and none was lost.
    let mut waiting: Vec<&[u8]> = bodies.iter().map(|body| &*body.bytes).collect();
    for _ in 0..BODIES {
        let Ok(rejected) = tokio::time::timeout(DEADLINE, next(&mut world.dead)).await else {
            let taken: Vec<_> = waiting.iter().map(|body| String::from_utf8_lossy(body)).collect();
            panic!("{} bodies were not rejected: {taken:#?}", taken.len());
        };
        let place = waiting.iter().position(|sent| *sent == &rejected.body[..]);
        waiting.swap_remove(place.expect("what is rejected was sent, and once"));
    }
    // Whoever asked was told, by the right exception.
    let mut raised: Vec<String> = Vec::new();
    for _ in 0..BODIES / 2 {
        let reply = soon(&mut world.replies).await;
        let reply: Value = serde_json::from_slice(&reply.body).expect("a reply is JSON");
        raised.push(reply["content"]["value"].as_str().expect("a name").to_owned());
    }
    let mut expected: Vec<&str> =
        bodies.iter().step_by(2).map(|body| body.fault.exception()).collect();
    expected.sort_unstable();
    raised.sort_unstable();
    assert_eq!(raised, expected);
    world.call(BODIES).await;
    world.leave().await;
}

/// Bodies around the limit: the last that fits, and the first that does not.
async fn bodies_around_the_limit(broker: Broker) {
    let mut world = World::on(broker).await;
    let padded = |bytes: usize| {
        let mut body = GOOD.to_vec();
        body.resize(bytes, b' ');
        body
    };
    world.send(padded(LIMIT), true).await;
    let reply = soon(&mut world.replies).await;
    let reply: Value = serde_json::from_slice(&reply.body).expect("a reply is JSON");
    assert_eq!(reply["content"]["type"], "success", "{reply}");
    for over in [1, 2, 100, LIMIT] {
        let why = format!("{} bytes, over the limit of {LIMIT} bytes", LIMIT + over);
        world.refused(padded(LIMIT + over), "MalformedMessage", &why).await;
    }
    world.call(1).await;
    world.leave().await;
}

/// A text of 100 MB in an otherwise good call.
async fn a_text_of_100_mb(broker: Broker) {
    const BYTES: usize = 100 * 1024 * 1024;
    let mut world = World::on(broker).await;
    let mut body = br#"{"type":"command","name":"keep","category":"rpc","content":"#.to_vec();
    body.extend_from_slice(br#"{"parameters":{"times":1,"value":""#);
    body.resize(BYTES, b'a');
    body.extend_from_slice(br#""}}}"#);
    world.refused(body, "MalformedMessage", "over the limit of 65536 bytes").await;
    world.call(1).await;
    world.leave().await;
}

/// A body that nests deeper than any reader follows, where a handler reads it.
async fn nesting_of_10_000(broker: Broker) {
    let mut world = World::on(broker).await;
    for deep in ["[".repeat(10_000), "[".repeat(10_000) + &"]".repeat(10_000)] {
        let body = format!(
            r#"{{"type":"command","name":"keep","category":"rpc","content":{{"parameters":{{"times":1,"value":{deep}}}}}}}"#
        );
        let why = "nested deeper than the limit of 127 levels";
        world.refused(body.into_bytes(), "MalformedMessage", why).await;
    }
    world.call(1).await;
    world.leave().await;
}

/// Makes a test of each case for each transport.
macro_rules! on_both_transports {
    ($($name:ident = $case:ident;)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$case(postage_core::Broker::memory()).await;
            })*
        }

        mod amqp {
            $(#[tokio::test]
            async fn $name() {
                let url = testbed::broker_url();
                let broker = postage_core::Broker::connect(&url).await;
                super::$case(broker.expect("the broker is there")).await;
            })*
        }
    };
}

on_both_transports! {
    a_thousand_malformed_bodies_are_rejected_and_good_calls_between_them_answered =
        a_thousand_malformed_bodies;
    a_body_over_the_limit_is_refused_and_one_at_the_limit_served = bodies_around_the_limit;
    a_text_of_100_mb_is_refused_by_the_limit_and_the_next_call_answered = a_text_of_100_mb;
    nesting_of_10_000_is_refused_and_the_next_call_answered = nesting_of_10_000;
    a_thousand_malformed_replies_end_their_calls_and_the_next_good_answer_is_taken =
        a_thousand_malformed_replies;
}
