//! Exchanges, queues and bindings: by attribute, when it is served, and while it consumes.

use postage_core::prelude::*;
use postage_core::{Binding, CallFault, FieldValue, MatchHeaders, Outcome, SendError, ServeError};
use serde_json::json;

use crate::world::{Ear, Voice, World, consume, left_in, line, seen, within};

struct Listener {
    voice: Voice,
}

#[message_processor]
impl Listener {
    #[message_handler]
    async fn hear(&self, #[context] cx: &Context, word: &str) {
        self.voice.say(format!("{word} by {}", cx.route().key()));
    }
}

#[exchange(name = "behaviour-topology-topic", kind = "topic", durable = false)]
struct Topic;

#[exchange(name = "behaviour-topology-fanout", kind = "fanout", durable = false)]
struct Fanout;

#[exchange(name = "behaviour-topology-headers", kind = "headers", durable = false)]
struct Headers;

/// Several exchanges, two queues, one of them with several keys.
struct Everywhere {
    voice: Voice,
}

#[message_processor(
    exchange = Topic,
    queue(name = "behaviour-topology-a", durable = false, auto_delete),
    key = "a.#",
    bind(exchange = Topic, queue = "behaviour-topology-a", key = "*.both"),
    bind(exchange = Fanout, queue(name = "behaviour-topology-b", durable = false, auto_delete)),
    bind(exchange = Headers, queue = "behaviour-topology-b")
)]
impl Everywhere {
    #[message_handler]
    async fn hear(&self, #[context] cx: &Context, word: &str) {
        self.voice.say(format!("{word} by {}", cx.route().exchange()));
    }
}

/// Bound by headers, in two ways.
struct Europe {
    voice: Voice,
}

#[message_processor(
    bind(
        exchange = Headers,
        queue(name = "behaviour-topology-europe", durable = false, auto_delete),
        headers("region" = "eu", "size" = 3)
    ),
    bind(
        exchange = Headers,
        queue = "behaviour-topology-europe",
        headers(match = "any-with-x", "urgent" = true, "x-all" = 1.5)
    )
)]
impl Europe {
    #[message_handler]
    async fn hear(&self, word: &str) {
        self.voice.say(word.to_owned());
    }
}

on_every_broker! {
    bindings_by_headers_by_attribute,
    bindings_by_headers_when_served,
    two_descriptions_of_one_queue_are_refused_when_served,
    the_same_description_of_a_queue_may_be_given_twice,
    several_exchanges_queues_and_keys_by_attribute,
    queues_are_bound_and_unbound_while_the_service_consumes,
    bindings_by_headers_are_added_while_the_service_consumes,
    a_queue_that_the_broker_names_is_served,
    a_queue_is_joined_and_left_while_the_service_consumes_others,
    several_queues_that_the_broker_names_are_served_apart,
    a_queue_without_an_exchange_is_reached_by_its_name,
    a_service_without_a_queue_says_how_to_give_it_one,
    two_handlers_for_one_call_are_refused_when_served,
    an_exchange_that_exists_otherwise_refuses_the_service,
    a_queue_keeps_what_comes_after_its_service_was_dropped,
}

async fn says(producer: &Producer, exchange: &Exchange, key: &str, word: &str) {
    let pairs = [(exchange.clone(), key.to_owned())];
    let message = producer.command("hear", json!({ "word": word })).eks(pairs);
    within("a confirm", message).await.unwrap_or_else(|error| panic!("{word}: {error}"));
}

fn producer(broker: &Broker) -> Producer {
    Producer::new(broker, Fingerprint::default())
}

async fn served(world: &World, exchange: Exchange, key: &str) -> (Broker, Serving, Ear) {
    let broker = world.broker().await;
    let (voice, ear) = line();
    let queue = world.queue("heard");
    let serve = broker.serve(Listener { voice }).bind(exchange, queue, key.to_owned());
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    (broker, serving, ear)
}

async fn several_exchanges_queues_and_keys_by_attribute(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let serve = broker.serve(Everywhere { voice });
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    assert_eq!(serving.queues(), ["behaviour-topology-a", "behaviour-topology-b"]);
    let producer = producer(&broker);
    for (exchange, key) in [
        (Topic::ROUTE, "a"),
        (Topic::ROUTE, "a.b.c"),
        (Topic::ROUTE, "c.both"),
        (Topic::ROUTE, "a.both"),
        (Fanout::ROUTE, "any"),
        (Headers::ROUTE, ""),
    ] {
        says(&producer, &exchange, key, key).await;
        assert_eq!(ear.hears().await, format!("{key} by {}", exchange.name()));
    }
    let unheard = producer.command("hear", ()).eks([(Topic::ROUTE, "b.c")]);
    within("the error", unheard).await.expect_err("no key matches");
}

async fn queues_are_bound_and_unbound_while_the_service_consumes(world: World) {
    let topic = world.exchange("news", ExchangeKind::Topic);
    let (broker, serving, mut ear) = served(&world, topic.clone(), "first").await;
    let producer = producer(&broker);
    let queue = serving.queues()[0].clone();
    says(&producer, &topic, "first", "one").await;
    assert_eq!(ear.hears().await, "one by first");

    // More keys, and an exchange that nobody has declared yet.
    let other = world.exchange("other", ExchangeKind::Fanout);
    let second = Binding::new(topic.clone(), queue.clone(), "second.#");
    let fanout = Binding::new(other.clone(), queue, "");
    within("a binding", serving.bind(&second)).await.expect("it is bound");
    within("a binding", serving.bind(&fanout)).await.expect("it is bound");
    says(&producer, &topic, "second.x", "two").await;
    assert_eq!(ear.hears().await, "two by second.x");
    says(&producer, &other, "any", "three").await;
    assert_eq!(ear.hears().await, "three by any");

    within("the unbinding", serving.unbind(&second)).await.expect("it is unbound");
    let lost = producer.command("hear", ()).eks([(topic.clone(), "second.x")]);
    within("the error", lost).await.expect_err("nobody is bound by that key");
    says(&producer, &topic, "first", "four").await;
    assert_eq!(ear.hears().await, "four by first");
}

/// Publishes to a headers exchange.
fn tells(producer: &Producer, word: &str, headers: &[(&'static str, FieldValue)]) -> Publish {
    let message = producer.command("hear", json!({ "word": word }));
    headers.iter().fold(message, |message, (name, value)| message.header(*name, value.clone()))
}

async fn bindings_by_headers_by_attribute(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let serve = broker.serve(Europe { voice });
    let _serving = within("the service", serve.into_future()).await.expect("it is served");
    let producer = producer(&broker).eks([(Headers::ROUTE, "")]);
    let taken: [(&str, &[(&'static str, FieldValue)]); 3] = [
        ("all of the first", &[("region", "eu".into()), ("size", 3.into()), ("more", 1.into())]),
        ("one of the second", &[("urgent", true.into()), ("size", 4.into())]),
        ("the other of the second", &[("x-all", 1.5.into())]),
    ];
    for (word, headers) in taken {
        within("a confirm", tells(&producer, word, headers)).await.expect(word);
        assert_eq!(ear.hears().await, word);
    }
    let lost: [&[(&'static str, FieldValue)]; 3] =
        [&[], &[("region", "eu".into()), ("size", 4.into())], &[("urgent", false.into())]];
    for headers in lost {
        let unheard = within("the error", tells(&producer, "lost", headers)).await;
        assert!(matches!(unheard, Err(SendError::Unroutable { .. })), "{headers:?}: {unheard:?}");
    }
    assert_eq!(ear.rest(), [""; 0]);
}

async fn bindings_by_headers_when_served(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let headers = world.exchange("headers", ExchangeKind::Headers);
    let queue = world.queue("heard");
    // The name of the queue counts, not the one in the binding.
    let binding = Binding::new(headers.clone(), "another", "")
        .headers(MatchHeaders::AllWithX, [("x-floor", 3)]);
    let serve = broker.serve(Listener { voice }).bind_with(queue.clone(), binding);
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    assert_eq!(serving.queues(), [queue.name()]);
    let producer = producer(&broker).eks([(headers, "")]);
    let lost = tells(&producer, "down", &[("x-floor", 2.into())]);
    within("the error", lost).await.expect_err("the floor is another");
    let up = tells(&producer, "up", &[("x-floor", 3.into())]);
    within("a confirm", up).await.expect("the floor is the one");
    assert_eq!(ear.hears().await, "up by ");
}

async fn two_descriptions_of_one_queue_are_refused_when_served(world: World) {
    let broker = world.broker().await;
    let direct = world.exchange("direct", ExchangeKind::Direct);
    let queue = world.queue("twice");
    let other = queue.clone().max_length(3);
    let serve = broker.serve(Listener { voice: line().0 }).bind(direct, queue.clone(), "key");
    let refused = within("the error", serve.queue(other).into_future()).await.unwrap_err();
    match &refused {
        ServeError::QueueTwice { service, queue: named } => {
            assert_eq!((service.as_str(), named.as_str()), ("Listener", queue.name()));
        }
        other => panic!("{other:?}"),
    }
    // It had declared nothing by then.
    let there = within("an answer", broker.declare_queue(&queue.passive(true))).await;
    there.expect_err("there is no queue");
}

async fn the_same_description_of_a_queue_may_be_given_twice(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let direct = world.exchange("direct", ExchangeKind::Direct);
    let queue = world.queue("twice");
    let serve = broker.serve(Listener { voice });
    let serve = serve.bind(direct.clone(), queue.clone(), "left");
    let serve = serve.bind(direct.clone(), queue.clone(), "right").queue(queue);
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    assert_eq!(serving.queues().len(), 1);
    for key in ["left", "right"] {
        says(&producer(&broker), &direct, key, "one").await;
        assert_eq!(ear.hears().await, format!("one by {key}"));
    }
}

async fn bindings_by_headers_are_added_while_the_service_consumes(world: World) {
    let headers = world.exchange("headers", ExchangeKind::Headers);
    let plain = world.exchange("plain", ExchangeKind::Direct);
    let (broker, serving, mut ear) = served(&world, plain, "plain").await;
    let queue = serving.queues()[0].clone();
    let wanted = [("floor", FieldValue::Int(3)), ("kind", FieldValue::from("lift"))];
    let binding = Binding::new(headers.clone(), queue, "").headers(MatchHeaders::All, wanted);
    within("a binding", serving.bind(&binding)).await.expect("it is bound");

    let producer = producer(&broker).eks([(headers, "")]);
    let message = |floor: i32| {
        let word = json!({ "word": floor });
        producer.command("hear", word).header("floor", floor).header("kind", "lift")
    };
    within("the error", message(2)).await.expect_err("the floor is another");
    let word = producer.command("hear", json!({ "word": "up" }));
    let up = word.header("floor", 3).header("kind", "lift").header("more", true);
    within("a confirm", up).await.expect("both headers match");
    assert_eq!(ear.hears().await, "up by ");
}

async fn a_queue_that_the_broker_names_is_served(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let fanout = world.exchange("fanout", ExchangeKind::Fanout);
    let serve = broker.serve(Listener { voice }).bind(fanout.clone(), Queue::server_named(), "");
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    assert!(!serving.queues()[0].is_empty());
    says(&producer(&broker), &fanout, "any", "one").await;
    assert_eq!(ear.hears().await, "one by any");
    let by_name = serving.queues()[0].clone();
    says(&producer(&broker), &Exchange::DEFAULT, &by_name, "two").await;
    assert_eq!(ear.hears().await, format!("two by {by_name}"));
}

async fn several_queues_that_the_broker_names_are_served_apart(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let direct = world.exchange("direct", ExchangeKind::Direct);
    let serve = broker
        .serve(Listener { voice })
        .bind(direct.clone(), Queue::server_named(), "left")
        .bind(direct.clone(), Queue::server_named(), "right");
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    assert_eq!(serving.queues().len(), 2);
    assert_ne!(serving.queues()[0], serving.queues()[1]);
    for key in ["left", "right"] {
        says(&producer(&broker), &direct, key, "one").await;
        assert_eq!(ear.hears().await, format!("one by {key}"));
    }
    // Each key is bound to one of them.
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_queue_is_joined_and_left_while_the_service_consumes_others(world: World) {
    let direct = world.exchange("direct", ExchangeKind::Direct);
    let (broker, serving, mut ear) = served(&world, direct.clone(), "first").await;
    let second = world.queue("second");
    let bound = |key: &'static str| Binding::new(direct.clone(), second.name().to_owned(), key);
    let join = |key| serving.consume(second.clone(), [bound(key)]);
    within("the queue", join("second")).await.expect("it is joined");
    within("the queue", join("another")).await.expect("it has one more binding");
    assert_eq!(serving.queues().len(), 2);

    let producer = producer(&broker);
    for key in ["first", "second", "another"] {
        says(&producer, &direct, key, "one").await;
        assert_eq!(ear.hears().await, format!("one by {key}"));
    }
    within("the leaving", serving.leave(second.name())).await;
    assert_eq!(serving.queues().len(), 1);
    says(&producer, &direct, "second", "two").await;
    // Its bindings stay, and nobody here takes what they bring.
    assert_eq!(left_in(&broker, &second).await, ["hear"]);

    within("the queue", join("second")).await.expect("it is joined again");
    says(&producer, &direct, "second", "three").await;
    assert_eq!(ear.hears().await, "three by second");
    within("the leaving", serving.leave("no such queue")).await;
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_queue_without_an_exchange_is_reached_by_its_name(world: World) {
    let broker = world.broker().await;
    let (voice, mut ear) = line();
    let serve = broker.serve(Listener { voice }).queue(world.queue("alone"));
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    let name = serving.queues()[0].clone();
    assert_eq!(name, world.name("alone"));
    says(&producer(&broker), &Exchange::DEFAULT, &name, "one").await;
    assert_eq!(ear.hears().await, format!("one by {name}"));
}

async fn a_service_without_a_queue_says_how_to_give_it_one(world: World) {
    let broker = world.broker().await;
    let refused = broker.serve(Listener { voice: line().0 }).await.unwrap_err();
    assert!(
        matches!(refused, ServeError::NoQueue { ref service } if service == "Listener"),
        "{refused:?}"
    );
    assert!(refused.to_string().contains(".bind(..)"), "{refused}");
}

/// What the macros refuse, written by hand.
struct TwoFaced;

impl MessageProcessor for TwoFaced {
    const NAME: &'static str = "TwoFaced";
    const TABLE: &'static [&'static [postage_core::Method]] = &[
        &[postage_core::Method::rpc("command", "face", "left", &[], "u32")],
        &[postage_core::Method::rpc("command", "face", "right", &[], "u32")],
    ];

    fn setup() -> postage_core::__private::ServiceSetup {
        postage_core::__private::ServiceSetup::new()
    }

    fn dispatch<'a>(
        &'a self,
        _: usize,
        request: postage_core::__private::Request<'a>,
    ) -> postage_core::__private::BoxFuture<'a, Outcome> {
        Box::pin(request.unhandled())
    }
}

async fn two_handlers_for_one_call_are_refused_when_served(world: World) {
    let broker = world.broker().await;
    let place = world.place("two-faced");
    let serve = broker.serve(TwoFaced).bind(place.exchange.clone(), place.queue.clone(), "key");
    let refused = within("the error", serve.into_future()).await.unwrap_err();
    match &refused {
        ServeError::TwoAnswers { service, kind: "command", name: "face", version: None }
            if service == "TwoFaced" => {}
        other => panic!("{other:?}"),
    }
    // It had declared nothing by then.
    let queue = place.queue.passive(true);
    within("an answer", broker.declare_queue(&queue)).await.expect_err("there is no queue");
}

async fn an_exchange_that_exists_otherwise_refuses_the_service(world: World) {
    let broker = world.broker().await;
    let direct = world.exchange("taken", ExchangeKind::Direct);
    within("an exchange", broker.declare_exchange(&direct)).await.expect("it is declared");
    let topic = world.exchange("taken", ExchangeKind::Topic);
    let other = world.broker().await;
    let serve = other.serve(Listener { voice: line().0 });
    let serve = serve.bind(topic.clone(), world.queue("taken"), "key");
    let refused = within("the error", serve.into_future()).await.unwrap_err().to_string();
    assert!(refused.contains(topic.name()), "{refused}");
    // The connection is as good as before, and so is a client's with the same mistake.
    let client = producer(&other).eks([(topic, "key")]);
    let called = within("the error", client.rpc::<u32>("hear", ())).await;
    assert!(matches!(called, Err(CallFault::Transport(_))), "{called:?}");
    let alone = world.queue("alone");
    let (voice, mut ear) = line();
    let serve = other.serve(Listener { voice }).queue(alone.clone());
    let _serving = within("the service", serve.into_future()).await.expect("it is served");
    says(&producer(&other), &Exchange::DEFAULT, alone.name(), "one").await;
    assert_eq!(ear.hears().await, format!("one by {}", alone.name()));
}

async fn a_queue_keeps_what_comes_after_its_service_was_dropped(world: World) {
    let direct = world.exchange("shared", ExchangeKind::Direct);
    let (broker, serving, mut ear) = served(&world, direct.clone(), "key").await;
    let queue = serving.queues()[0].clone();
    drop(serving);
    says(&producer(&broker), &direct, "key", "kept").await;
    let mut messages = consume(&broker, &queue).await;
    assert_eq!(seen(&mut messages).await.parameters(), json!({ "word": "kept" }));
    assert_eq!(ear.rest(), [""; 0]);
}
