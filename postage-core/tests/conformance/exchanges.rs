//! How exchanges route, and how they come and go.

use postage_core::transport::{Properties, Publication, TransportError};
use postage_core::{Binding, Exchange, ExchangeKind, FieldValue, MatchHeaders, Route};

use crate::publishing::nested;
use crate::world::*;

pub(crate) async fn a_direct_exchange_routes_by_the_exact_key(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("letters", ExchangeKind::Direct);
    declare_exchange(&link, &exchange).await;
    let red = declare(&link, &world.queue("red")).await;
    let blue = declare(&link, &world.queue("blue")).await;
    bind(&link, &exchange, &red, "red").await;
    bind(&link, &exchange, &blue, "blue").await;

    send(&link, Route::new(exchange.name().to_owned(), "red"), "1").await;
    send(&link, Route::new(exchange.name().to_owned(), "blue"), "2").await;
    let near_miss = publication(Route::new(exchange.name().to_owned(), "red."), "3");
    let missed = within("an answer", link.publish(near_miss)).await;

    assert!(matches!(missed, Err(TransportError::Unroutable { .. })), "{missed:?}");
    assert_eq!(drain(&link, &red).await, ["1"]);
    assert_eq!(drain(&link, &blue).await, ["2"]);
}

pub(crate) async fn a_topic_exchange_routes_by_pattern(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("topics", ExchangeKind::Topic);
    declare_exchange(&link, &exchange).await;
    let keys = ["", ".", "a", "a.", ".a", "a.b", "a..b", "a.b.c", "a.b.b.c", "b", "aa", "*", "#"];
    let expected: [(&str, &[&str]); 16] = [
        ("", &[""]),
        ("*", &["a", "b", "aa", "*", "#"]),
        ("#", &keys),
        (".", &["."]),
        ("a", &["a"]),
        ("a.*", &["a.", "a.b"]),
        ("a.#", &["a", "a.", "a.b", "a..b", "a.b.c", "a.b.b.c"]),
        ("*.*", &[".", "a.", ".a", "a.b"]),
        ("#.*", &[".", "a", "a.", ".a", "a.b", "a..b", "a.b.c", "a.b.b.c", "b", "aa", "*", "#"]),
        ("*.#", &[".", "a", "a.", ".a", "a.b", "a..b", "a.b.c", "a.b.b.c", "b", "aa", "*", "#"]),
        ("#.b", &["a.b", "a..b", "b"]),
        ("#.b.#", &["a.b", "a..b", "a.b.c", "a.b.b.c", "b"]),
        ("a.#.c", &["a.b.c", "a.b.b.c"]),
        ("a.*.b", &["a..b"]),
        ("#.#", &keys),
        ("a*", &[]),
    ];
    let mut queues = Vec::new();
    for (index, (pattern, _)) in expected.iter().enumerate() {
        let queue = declare(&link, &world.queue(&format!("pattern-{index}"))).await;
        bind(&link, &exchange, &queue, pattern).await;
        queues.push(queue);
    }

    for key in keys {
        send(&link, Route::new(exchange.name().to_owned(), key), key).await;
    }

    for (queue, (pattern, keys)) in queues.iter().zip(expected) {
        assert_eq!(drain(&link, queue).await, keys, "the keys that `{pattern}` takes");
    }
}

pub(crate) async fn a_fanout_exchange_copies_to_every_queue(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("news", ExchangeKind::Fanout);
    declare_exchange(&link, &exchange).await;
    let mut queues = Vec::new();
    for stem in ["one", "two", "three"] {
        let queue = declare(&link, &world.queue(stem)).await;
        bind(&link, &exchange, &queue, stem).await;
        queues.push(queue);
    }

    for body in ["1", "2"] {
        send(&link, Route::new(exchange.name().to_owned(), "whatever"), body).await;
    }

    for queue in queues {
        assert_eq!(drain(&link, &queue).await, ["1", "2"]);
    }
}

pub(crate) async fn a_headers_exchange_matches_all_or_any_of_the_bindings_headers(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("headers", ExchangeKind::Headers);
    declare_exchange(&link, &exchange).await;
    let wanted = || [("colour", FieldValue::from("red")), ("size", FieldValue::from(4))];
    let binding = |queue: &str| Binding::new(exchange.clone(), queue.to_owned(), "");
    let all = declare(&link, &world.queue("all")).await;
    let any = declare(&link, &world.queue("any")).await;
    let unsaid = declare(&link, &world.queue("unsaid")).await;
    let with_x = declare(&link, &world.queue("with-x")).await;
    let present = declare(&link, &world.queue("present")).await;
    for binding in [
        binding(&all).headers(MatchHeaders::All, wanted()).argument("x-ignored", 1),
        binding(&any).headers(MatchHeaders::Any, wanted()),
        binding(&unsaid).argument("colour", "red").argument("size", 4),
        binding(&with_x).argument("x-match", "any-with-x").argument("x-kind", "letter"),
        binding(&present).argument("colour", FieldValue::Void),
    ] {
        within("a binding", link.bind(&binding)).await.expect("the queue is bound");
    }

    let messages = [
        ("both", vec![("size", FieldValue::from(4)), ("colour", "red".into())]),
        ("colour", vec![("colour", "red".into())]),
        ("other", vec![("colour", "blue".into()), ("size", 5.into())]),
        ("x", vec![("x-kind", "letter".into())]),
        ("none", vec![]),
    ];
    for (body, headers) in messages {
        let mut it = publication(Route::new(exchange.name().to_owned(), "ignored"), body);
        it.mandatory = false;
        it.properties.headers = headers.into_iter().collect();
        send_it(&link, it).await;
    }

    assert_eq!(drain(&link, &all).await, ["both"]);
    assert_eq!(drain(&link, &unsaid).await, ["both"]);
    assert_eq!(drain(&link, &any).await, ["both", "colour"]);
    assert_eq!(drain(&link, &with_x).await, ["x"]);
    assert_eq!(drain(&link, &present).await, ["both", "colour", "other"]);
}

pub(crate) async fn an_unknown_way_to_match_headers_is_refused(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("headers", ExchangeKind::Headers);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    let binding = Binding::new(exchange, queue, "").argument("x-match", "most");

    let reason = refused(within("an answer", link.bind(&binding)).await);

    assert!(reason.contains("x-match"), "{reason}");
}

pub(crate) async fn the_default_exchange_routes_to_the_queue_that_the_key_names(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    link.declare_exchange(&Exchange::DEFAULT).await.expect("declaring it does nothing");

    send(&link, Route::new("", queue.clone()), "straight").await;

    let mut subscription = consume(&link, &queue, 0).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.route, Route::to_queue(queue));
    assert_eq!(text(&delivery), "straight");
}

pub(crate) async fn the_exchanges_that_every_broker_has_are_there(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for (name, kind) in [
        ("amq.direct", ExchangeKind::Direct),
        ("amq.fanout", ExchangeKind::Fanout),
        ("amq.topic", ExchangeKind::Topic),
        ("amq.headers", ExchangeKind::Headers),
        ("amq.match", ExchangeKind::Headers),
    ] {
        declare_exchange(&link, &Exchange::declared(name, kind)).await;
    }
    let key = world.name("key");
    bind(&link, &Exchange::declared("amq.direct", ExchangeKind::Direct), &queue, &key).await;

    send(&link, Route::new("amq.direct", key), "hello").await;

    assert_eq!(drain(&link, &queue).await, ["hello"]);
}

pub(crate) async fn an_alternate_exchange_gets_what_is_not_routed(world: World) {
    let link = world.connect().await;
    let last = world.exchange("last", ExchangeKind::Fanout).internal(true);
    let middle = world.exchange("middle", ExchangeKind::Direct).alternate(last.name().to_owned());
    let first = world.exchange("first", ExchangeKind::Direct).alternate(middle.name().to_owned());
    for exchange in [&last, &middle, &first] {
        declare_exchange(&link, exchange).await;
    }
    let known = declare(&link, &world.queue("known")).await;
    let lost = declare(&link, &world.queue("lost")).await;
    bind(&link, &first, &known, "known").await;
    bind(&link, &last, &lost, "").await;

    send(&link, Route::new(first.name().to_owned(), "known"), "1").await;
    send(&link, Route::new(first.name().to_owned(), "unknown"), "2").await;

    assert_eq!(drain(&link, &known).await, ["1"]);
    let mut subscription = consume(&link, &lost, 0).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(text(&delivery), "2");
    assert_eq!(delivery.route, Route::new(first.name().to_owned(), "unknown"));
}

pub(crate) async fn an_alternate_exchange_that_is_missing_leaves_a_message_unroutable(
    world: World,
) {
    let link = world.connect().await;
    let exchange = world.exchange("first", ExchangeKind::Direct).alternate(world.name("missing"));
    declare_exchange(&link, &exchange).await;

    let sent = link.publish(publication(Route::new(exchange.name().to_owned(), "key"), "lost"));

    let sent = within("an answer", sent).await;
    assert!(matches!(sent, Err(TransportError::Unroutable { .. })), "{sent:?}");
}

pub(crate) async fn two_matching_bindings_of_a_queue_make_one_copy(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("topics", ExchangeKind::Topic);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    for key in ["a.*", "#", "a.b", "a.b"] {
        bind(&link, &exchange, &queue, key).await;
    }

    send(&link, Route::new(exchange.name().to_owned(), "a.b"), "once").await;

    assert_eq!(drain(&link, &queue).await, ["once"]);
}

pub(crate) async fn an_exchange_is_declared_again_only_as_it_is(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("orders", ExchangeKind::Topic);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    bind(&link, &exchange, &queue, "#").await;
    let mut subscription = consume(&link, &queue, 0).await;

    declare_exchange(&link, &exchange).await;
    for (argument, other) in [
        ("type", world.exchange("orders", ExchangeKind::Fanout)),
        ("durable", exchange.clone().durable(false)),
        ("auto_delete", exchange.clone().auto_delete(true)),
        ("internal", exchange.clone().internal(true)),
        ("alternate-exchange", exchange.clone().alternate("amq.fanout")),
    ] {
        let reason = refused(within("an answer", link.declare_exchange(&other)).await);
        assert!(reason.contains("PRECONDITION_FAILED"), "{reason}");
        assert!(reason.contains(argument), "{reason}");
    }

    send(&link, Route::new(exchange.name().to_owned(), "key"), "unharmed").await;
    assert_eq!(next_text(&mut subscription).await, "unharmed");
}

pub(crate) async fn a_passive_exchange_is_only_looked_for(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("orders", ExchangeKind::Topic);

    let missing = link.declare_exchange(&exchange.clone().passive(true)).await;
    let reason = refused(missing);
    assert!(reason.contains("NOT_FOUND"), "{reason}");

    declare_exchange(&link, &exchange).await;
    let otherwise = world.exchange("orders", ExchangeKind::Topic).passive(true).durable(false);
    declare_exchange(&link, &otherwise).await;
}

pub(crate) async fn a_kind_that_no_plugin_brings_is_refused(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("orders", ExchangeKind::Plugin("x-unheard-of".into()));

    let reason = refused(within("an answer", link.declare_exchange(&exchange)).await);

    assert!(reason.contains("x-unheard-of"), "{reason}");
}

pub(crate) async fn a_reserved_exchange_name_is_refused(world: World) {
    let link = world.connect().await;
    let exchange = Exchange::new(format!("amq.{}", world.name("mine")), ExchangeKind::Direct);

    let reason = refused(within("an answer", link.declare_exchange(&exchange)).await);

    assert!(reason.contains("ACCESS_REFUSED"), "{reason}");
}

pub(crate) async fn an_internal_exchange_takes_nothing_from_publishers(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("inner", ExchangeKind::Fanout).internal(true);
    declare_exchange(&link, &exchange).await;

    let sent = link.publish(publication(Route::new(exchange.name().to_owned(), ""), "no"));

    let reason = refused(within("an answer", sent).await);
    assert!(reason.contains("internal"), "{reason}");
}

pub(crate) async fn an_auto_delete_exchange_goes_with_its_last_binding(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("passing", ExchangeKind::Direct).auto_delete(true);
    let is_there = || async {
        let asked = exchange.clone().passive(true);
        within("an answer", link.declare_exchange(&asked)).await.is_ok()
    };
    declare_exchange(&link, &exchange).await;
    let one = declare(&link, &world.queue("one")).await;
    let two = declare(&link, &world.queue("two")).await;
    bind(&link, &exchange, &one, "key").await;
    bind(&link, &exchange, &two, "key").await;
    assert!(is_there().await);

    let first = Binding::new(exchange.clone(), one, "key");
    within("an unbinding", link.unbind(&first)).await.expect("it is unbound");
    assert!(is_there().await, "one binding is left");
    within("a deletion", link.delete_queue(&two)).await.expect("it is deleted");

    assert!(!is_there().await, "no binding is left");
}

pub(crate) async fn binding_and_unbinding_take_effect_while_consuming(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("topics", ExchangeKind::Topic);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut subscription = consume(&link, &queue, 0).await;
    let route = |key: &str| Route::new(exchange.name().to_owned(), key.to_owned());

    bind(&link, &exchange, &queue, "a.#").await;
    send(&link, route("a.b"), "1").await;
    bind(&link, &exchange, &queue, "c").await;
    let binding = Binding::new(exchange.clone(), queue.clone(), "a.#");
    within("an unbinding", link.unbind(&binding)).await.expect("it is unbound");
    let unrouted = within("an answer", link.publish(publication(route("a.b"), "2"))).await;
    send(&link, route("c"), "3").await;

    assert!(matches!(unrouted, Err(TransportError::Unroutable { .. })), "{unrouted:?}");
    assert_eq!(next_texts(&mut subscription, 2).await, ["1", "3"]);
}

pub(crate) async fn binding_what_is_missing_is_refused(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("topics", ExchangeKind::Topic);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    let missing = world.exchange("missing", ExchangeKind::Topic);

    let no_exchange = Binding::new(missing, queue.clone(), "key");
    let reason = refused(within("an answer", link.bind(&no_exchange)).await);
    assert!(reason.contains("NOT_FOUND"), "{reason}");
    let no_queue = Binding::new(exchange, world.name("missing"), "key");
    let reason = refused(within("an answer", link.bind(&no_queue)).await);
    assert!(reason.contains("NOT_FOUND"), "{reason}");
    let default = Binding::new(Exchange::DEFAULT, queue, "key");
    let reason = refused(within("an answer", link.bind(&default)).await);
    assert!(reason.contains("ACCESS_REFUSED"), "{reason}");
}

pub(crate) async fn unbinding_what_was_never_bound_changes_nothing(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("topics", ExchangeKind::Topic);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    bind(&link, &exchange, &queue, "bound").await;

    let never = Binding::new(exchange.clone(), queue.clone(), "never");
    within("an answer", link.unbind(&never)).await.expect("it is no error");

    for missing in [
        Binding::new(world.exchange("missing", ExchangeKind::Topic), queue.clone(), "key"),
        Binding::new(exchange.clone(), world.name("missing"), "key"),
    ] {
        within("an answer", link.unbind(&missing)).await.expect("it is no error");
    }

    send(&link, Route::new(exchange.name().to_owned(), "bound"), "still").await;
    assert_eq!(drain(&link, &queue).await, ["still"]);
}

pub(crate) async fn names_and_keys_end_at_255_bytes(world: World) {
    let link = world.connect().await;
    let stem = world.name("n");
    let longest = format!("{stem}{}", "x".repeat(255 - stem.len()));
    let too_long = format!("{longest}x");

    let queue = declare(&link, &postage_core::Queue::new(longest.clone())).await;
    send_to(&link, &longest, "fits").await;
    assert_eq!(drain(&link, &queue).await, ["fits"]);

    refused(link.declare_queue(&postage_core::Queue::new(too_long.clone())).await);
    let exchange = Exchange::new(too_long.clone(), ExchangeKind::Direct);
    refused(link.declare_exchange(&exchange).await);
    let it = Publication::new(Route::new("amq.direct", too_long), Properties::default(), "");
    refused(link.publish(it.mandatory(false)).await);
}

pub(crate) async fn arguments_nested_deeper_than_64_are_refused(world: World) {
    let link = world.connect().await;
    let exchange = world.exchange("deep", ExchangeKind::Headers);
    declare_exchange(&link, &exchange).await;
    let queue = declare(&link, &world.queue("queue")).await;
    let binding = |levels| {
        let binding = Binding::new(exchange.clone(), queue.clone(), "");
        binding.headers(MatchHeaders::Any, [("deep", nested(levels))])
    };
    for reason in [
        refused(link.declare_queue(&world.queue("other").argument("x-deep", nested(65))).await),
        refused(link.declare_exchange(&exchange.clone().argument("x-deep", nested(65))).await),
        refused(link.bind(&binding(65)).await),
        refused(link.unbind(&binding(65)).await),
    ] {
        assert!(reason.contains("deeper than 64 levels"), "{reason}");
    }
    within("a binding", link.bind(&binding(64))).await.expect("it is bound");
}
