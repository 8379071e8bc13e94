use futures_util::future::join_all;
use postage_core::transport::{Settlement, Transport};
use postage_core::{Binding, Exchange, ExchangeKind, Queue, Route, TransportError};

use super::{connect, message, next, queue, send, source, subscribe, unique, within};

#[tokio::test]
async fn a_refused_declare_harms_neither_consumer_nor_publisher() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut subscription = subscribe(&transport, &queue, 10).await;
    let shared = Queue::new(queue.clone()).durable(false);
    let absent = Queue::new(unique("no")).passive(true);
    let unknown = Exchange::new(unique("no"), ExchangeKind::Plugin("x-no-such-kind".into()));
    let otherwise = Exchange::new("amq.topic", ExchangeKind::Direct);
    let long = Exchange::new("x".repeat(300), ExchangeKind::Direct);
    let astray = Binding::new(Exchange::declared("amq.topic", ExchangeKind::Topic), "none", "k");

    for refused in [
        transport.declare_queue(&shared).await.map(|_| ()),
        transport.declare_queue(&absent).await.map(|_| ()),
        transport.declare_exchange(&otherwise).await,
        transport.declare_exchange(&unknown).await,
        transport.declare_exchange(&long).await,
        transport.bind(&astray).await,
        transport.consume(source(&unique("no"), 1)).await.map(|_| ()),
    ] {
        assert!(matches!(refused, Err(TransportError::Refused { .. })), "{refused:?}");
    }

    send(&transport, &queue, "still here").await;
    let delivery = next(&mut subscription).await;
    assert_eq!(&delivery.body[..], b"still here");
    delivery.settle(Settlement::Ack).await.unwrap();
}

#[tokio::test]
async fn many_refusals_at_once_each_reach_who_asked() {
    let transport = connect().await;
    let declares = (0..40).map(|number| {
        let queue = Queue::new(unique("maybe")).durable(false).exclusive(true);
        let absent = number % 2 == 0;
        let queue = queue.passive(absent);
        let transport = &transport;
        async move { (absent, transport.declare_queue(&queue).await) }
    });
    for (absent, outcome) in within(join_all(declares)).await {
        let refused = matches!(outcome, Err(TransportError::Refused { .. }));
        assert_eq!(refused, absent, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_refusal_names_what_was_asked_and_what_the_broker_said() {
    let transport = connect().await;
    let name = unique("missing");
    let passive = Exchange::new(name.clone(), ExchangeKind::Direct).passive(true);
    let error = transport.declare_exchange(&passive).await.unwrap_err().to_string();
    assert!(error.contains(&format!("declare the exchange `{name}`")), "{error}");
    assert!(error.contains("NOT_FOUND"), "{error}");
}

#[tokio::test]
async fn publishing_to_a_missing_exchange_is_refused_and_harms_no_other() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let publications = (0..200).map(|number| {
        let missing = number % 10 == 0;
        let to =
            if missing { Route::new(unique("no"), "k") } else { Route::to_queue(queue.clone()) };
        let transport = &transport;
        async move { (missing, transport.publish(message(to, "x")).await) }
    });
    for (missing, outcome) in within(join_all(publications)).await {
        let refused = matches!(outcome, Err(TransportError::Refused { .. }));
        assert_eq!(refused, missing, "{outcome:?}");
    }
}

#[tokio::test]
async fn an_exchange_that_has_gone_is_refused_and_the_next_message_goes() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let brief = Exchange::new(unique("brief"), ExchangeKind::Fanout);
    let brief = brief.durable(false).auto_delete(true);
    transport.declare_exchange(&brief).await.unwrap();
    let binding = Binding::new(brief.clone(), queue.clone(), "");
    transport.bind(&binding).await.unwrap();
    let to = Route::new(brief.name().to_owned(), "");
    within(transport.publish(message(to.clone(), "x"))).await.unwrap();

    transport.unbind(&binding).await.unwrap(); // the last binding: the exchange goes
    let error = within(transport.publish(message(to, "x"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("NOT_FOUND"), "{error}");
    send(&transport, &queue, "x").await;
}

#[tokio::test]
async fn publishing_to_an_internal_exchange_is_refused() {
    let transport = connect().await;
    let internal = Exchange::new(unique("internal"), ExchangeKind::Fanout);
    let internal = internal.durable(false).auto_delete(true).internal(true);
    transport.declare_exchange(&internal).await.unwrap();
    let to = Route::new(internal.name().to_owned(), "");
    let error = within(transport.publish(message(to, "x"))).await.unwrap_err();
    assert!(error.to_string().contains("ACCESS_REFUSED"), "{error}");
}

#[tokio::test]
async fn a_property_that_the_broker_refuses_is_its_publishers_error() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut forged = message(Route::to_queue(queue.clone()), "x");
    forged.properties.user_id = Some("somebody else".into());
    let error = within(transport.publish(forged)).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
    send(&transport, &queue, "x").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refusal_among_many_messages_under_way_reaches_its_publisher_alone() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let body = "x".repeat(20_000); // much, so that the refusal comes while messages wait
    for _ in 0..5 {
        let publications = (0..500).map(|number| {
            let mut publication = message(Route::to_queue(queue.clone()), &body);
            let forged = number == 100 || number == 101;
            if forged {
                publication.properties.user_id = Some("somebody else".into());
            }
            let transport = &transport;
            async move { (forged, transport.publish(publication).await) }
        });
        for (forged, outcome) in within(join_all(publications)).await {
            assert_eq!(outcome.is_err(), forged, "{outcome:?}");
        }
    }
}

#[tokio::test]
async fn headers_that_no_frame_can_hold_are_their_publishers_error() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut heavy = message(Route::to_queue(queue.clone()), "x");
    heavy.properties.set_header("heavy", "x".repeat(200_000));
    let error = within(transport.publish(heavy)).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
    let mut fits = message(Route::to_queue(queue), "x");
    fits.properties.set_header("heavy", "x".repeat(100_000));
    within(transport.publish(fits)).await.unwrap();
}
