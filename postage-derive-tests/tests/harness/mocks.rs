//! What a mock answers to a generated client, and what it remembers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postage_core::RemoteException;
use postage_core::prelude::*;
use postage_core::testing::{Canned, Harness, Mock};

use crate::desk::{OrderDesk, OrderDeskProducer, Orders, panic_of};

async fn mocked(broker: &Broker) -> (Mock, OrderDeskProducer) {
    let desk = Mock::serve(broker, OrderDesk).await.unwrap();
    (desk, OrderDeskProducer::new(broker, Fingerprint::new("shop", "test")))
}

fn exception<T: std::fmt::Debug, E: std::fmt::Debug>(
    answer: Result<T, CallError<E>>,
) -> (String, String) {
    match answer {
        Err(CallError::Fault(CallFault::Exception(it))) => (it.name, it.message),
        other => panic!("expected an exception, got {other:?}"),
    }
}

#[tokio::test]
async fn a_closure_answers_by_typed_parameters() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.on("place", |(item, quantity): (String, u32)| match quantity {
        0 => Err(format!("no {item} wanted")),
        _ => Ok(u64::from(quantity) * 10),
    });
    desk.on("count", |aisle: Option<u32>| Canned::value(aisle.unwrap_or(7)));
    desk.on("aisles", |()| Canned::value(["a", "b"]));

    assert_eq!(orders.place("anvil", 2).await.unwrap(), 20);
    let refused = orders.place("anvil", 0).await;
    assert!(
        matches!(&refused, Err(CallError::Documented(why)) if why == "no anvil wanted"),
        "{refused:?}"
    );
    assert_eq!(orders.count(Some(3)).await.unwrap(), 3);
    assert_eq!(orders.count(None).await.unwrap(), 7);
    assert_eq!(orders.aisles().await.unwrap(), ["a", "b"]);

    let placed: Vec<(String, u32)> = desk.calls("place");
    assert_eq!(placed, [("anvil".to_owned(), 2), ("anvil".to_owned(), 0)]);
    assert_eq!(desk.calls::<Option<u32>>("count"), [Some(3), None]);
    assert_eq!(desk.calls::<()>("aisles").len(), 1);
}

#[tokio::test]
async fn a_sequence_comes_before_what_is_answered_always() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.always("count", Canned::value(9));
    for number in 1..=3 {
        desk.once("count", Canned::value(number));
    }
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(orders.count(None).await.unwrap());
    }
    assert_eq!(answers, [1, 2, 3, 9, 9]);
}

#[tokio::test]
async fn a_documented_error_and_an_exception_are_told_as_a_service_does() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.once("place", Canned::error("sold out"));
    desk.once("place", Canned::exception("KeyError", "no shelf"));
    let refused = orders.place("anvil", 1).await;
    assert!(
        matches!(&refused, Err(CallError::Documented(why)) if why == "sold out"),
        "{refused:?}"
    );
    let raised = exception(orders.place("anvil", 1).await);
    assert_eq!(raised, ("KeyError".to_owned(), "no shelf".to_owned()));
}

#[tokio::test]
async fn an_exception_of_a_mock_says_all_that_it_was_given() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    let burnt = RemoteException::new("Burnt", "no stock is left").with_state("ashes");
    desk.once("place", burnt.clone());
    match orders.place("anvil", 1).await {
        Err(CallError::Fault(CallFault::Exception(raised))) => assert_eq!(*raised, burnt),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_time_out_after_all_attempts() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.always("place", Canned::silence());
    match orders.place("anvil", 1).await {
        Err(CallError::Fault(CallFault::TimedOut { attempts, waited, .. })) => {
            assert_eq!((attempts, waited), (3, Duration::from_secs(6)));
        }
        other => panic!("expected a time-out, got {other:?}"),
    }
    assert_eq!(desk.calls::<(String, u32)>("place").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_silence_before_an_answer_is_a_retry() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.once("place", Canned::silence());
    desk.once("place", Ok::<u64, String>(4021));
    assert_eq!(orders.place("anvil", 1).await.unwrap(), 4021);
    assert_eq!(desk.calls::<(String, u32)>("place").len(), 2);
}

#[tokio::test]
async fn a_call_that_nothing_was_said_about_is_an_exception_that_says_so() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    let (name, text) = exception(orders.place("anvil", 1).await);
    assert_eq!(name, "NoAnswer");
    assert!(text.contains("the mock of `OrderDesk` has no answer for `place`"), "{text}");
    assert_eq!(desk.calls::<(String, u32)>("place").len(), 1);
}

#[tokio::test]
async fn a_message_is_remembered_when_the_harness_is_idle() {
    let harness = Harness::new();
    let desk = Mock::serve(harness.outside(), OrderDesk).await.unwrap();
    let orders = OrderDeskProducer::new(harness.broker(), Fingerprint::new("shop", "test"));
    orders.restock("anvil", 40).await.unwrap();
    harness.idle().await;
    assert_eq!(desk.calls::<(String, u32)>("restock"), [("anvil".to_owned(), 40)]);
    assert_eq!(harness.sent("restock").only().route.key(), "orders.stock");
}

#[tokio::test]
async fn another_key_is_taken_when_it_is_bound() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.always("count", Canned::value(1));
    let unbound = orders.count(None).key("orders.desk.eu").await;
    assert!(matches!(unbound, Err(CallFault::Unroutable { .. })), "{unbound:?}");
    desk.bind(&Orders::ROUTE, "orders.desk.*").await.unwrap();
    assert_eq!(orders.count(None).key("orders.desk.eu").await.unwrap(), 1);
}

#[exchange(name = "echo")]
pub(crate) struct EchoExchange;

/// A contract of a Python service.
#[producer(exchange = EchoExchange, key = "echo-rk", peer = "python")]
pub(crate) trait Echo {
    #[rpc(bare)]
    async fn echo(&self, text: &str) -> String;
}

#[tokio::test]
async fn a_python_service_with_bare_parameters_is_mocked() {
    let broker = Broker::memory();
    let echo = Mock::serve(&broker, Echo).await.unwrap();
    echo.on("echo", |text: String| Canned::value(text));
    let client = EchoProducer::new(&broker, Fingerprint::default());
    assert_eq!(client.echo("hello").await.unwrap(), "hello");
    assert_eq!(echo.calls::<String>("echo"), ["hello"]);
}

#[tokio::test]
async fn parameters_of_another_type_are_named_to_the_caller_and_to_the_test() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.on("place", |_: (u32, u32)| Ok::<u64, String>(1));
    let (name, text) = exception(orders.place("anvil", 1).await);
    assert_eq!(name, "InvalidParameters");
    let expected =
        "the parameters of `place`, which takes (item: &str, quantity: u32), are no `(u32, u32)`";
    assert!(text.starts_with(expected), "{text}");
    let text = panic_of(|| desk.calls::<(u32, u32)>("place"));
    assert!(text.starts_with(expected) && text.ends_with(r#"["anvil",1]"#), "{text}");
}

#[tokio::test]
async fn a_method_that_the_contract_does_not_have_is_a_panic_that_names_the_nearest() {
    let (desk, _) = mocked(&Broker::memory()).await;
    let text = panic_of(|| desk.always("plaec", Canned::silence()));
    assert_eq!(
        text,
        "`OrderDesk` has no method `plaec`: did you mean `place`? It has: place, count, aisles, restock"
    );
    let text = panic_of(|| desk.calls::<()>("ship"));
    assert_eq!(text, "`OrderDesk` has no method `ship`; it has: place, count, aisles, restock");
    let text = panic_of(|| desk.once("restock", Canned::silence()));
    assert_eq!(text, "`restock` of `OrderDesk` is a message: nobody waits for an answer");
}

#[tokio::test]
async fn a_closure_may_panic_and_may_tell_its_mock_what_comes_next() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    let calls = AtomicU32::new(0);
    desk.on("count", move |_: Option<u32>| {
        assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "not the first");
        Canned::value(2)
    });
    match orders.count(None).await {
        Err(CallFault::Exception(it)) => {
            assert_eq!((&*it.name, &*it.message), ("Panic", "not the first"));
        }
        other => panic!("expected an exception, got {other:?}"),
    }
    assert_eq!(orders.count(None).await.unwrap(), 2);

    let desk = Arc::new(desk);
    let next = Arc::downgrade(&desk);
    desk.on("count", move |_: Option<u32>| {
        if let Some(desk) = next.upgrade() {
            desk.once("count", Canned::value(4));
        }
        Canned::value(3)
    });
    assert_eq!(orders.count(None).await.unwrap(), 3);
    assert_eq!(orders.count(None).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_mock_that_was_dropped_answers_no_more_and_leaves_no_queue() {
    let (desk, orders) = mocked(&Broker::memory()).await;
    desk.always("count", Canned::value(1));
    assert_eq!(orders.count(None).await.unwrap(), 1);
    drop(desk);
    // The first may reach the queue before it has gone.
    orders.count(None).max_retry(0).await.unwrap_err();
    let unheard = orders.count(None).await;
    assert!(matches!(unheard, Err(CallFault::Unroutable { .. })), "{unheard:?}");
}
