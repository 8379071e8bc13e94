//! How a call ends: a value, a documented error, an exception, and what goes wrong on the way.

use std::fmt;
use std::time::Duration;

use postage_core::CallFault;
use postage_core::prelude::*;
use postage_core::transport::Properties;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{Anywhere, Place, World, seen, success, within};

/// A documented error with data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Refused {
    Unknown,
    SoldOut { left: u32 },
    Closed(String, Vec<u8>),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown item"),
            Self::SoldOut { left } => write!(f, "only {left} left"),
            Self::Closed(until, _) => write!(f, "closed until {until}"),
        }
    }
}

#[producer(exchange = Anywhere, key = "anywhere")]
trait Shop {
    #[rpc]
    async fn buy(&self, item: &str) -> Result<u64, Refused>;
    #[rpc]
    async fn sell(&self, item: &str) -> Result<Vec<String>, String>;
    #[rpc]
    async fn greet(&self) -> String;
    #[rpc]
    async fn nothing(&self);
    #[rpc]
    async fn odd(&self) -> f64;
}

struct Stall;

#[message_processor]
impl Shop for Stall {
    async fn buy(&self, item: &str) -> Result<u64, Refused> {
        match item {
            "anvil" => Ok(u64::MAX),
            "rope" => Err(Refused::SoldOut { left: 3 }),
            "door" => Err(Refused::Closed("nine".to_owned(), vec![0, 255])),
            _ => Err(Refused::Unknown),
        }
    }

    async fn sell(&self, item: &str) -> Result<Vec<String>, String> {
        if item == "anvil" { Ok(vec!["tab\t\"é\"".to_owned()]) } else { Err(format!("no {item}")) }
    }

    async fn greet(&self) -> String {
        panic!("lost my voice")
    }

    async fn nothing(&self) {}

    async fn odd(&self) -> f64 {
        0.1 + 0.2
    }
}

on_every_broker! {
    values_come_back_as_they_were_returned,
    a_documented_error_comes_back_as_its_type_with_its_data,
    a_text_is_a_documented_error_too,
    an_error_of_another_service_is_its_text,
    an_exception_has_its_name_and_its_text,
    what_is_no_answer_is_a_malformed_reply,
    a_value_of_another_type_is_a_malformed_reply_that_says_so,
    nobody_there_is_unroutable,
    nobody_answering_is_timed_out,
    a_connection_closed_under_a_waiting_call_is_disconnected,
    faults_and_documented_errors_meet_under_one_question_mark,
}

fn shop(broker: &Broker, place: &Place) -> ShopProducer {
    ShopProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

async fn values_come_back_as_they_were_returned(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let _serving = place.serve(&broker, Stall).await;
    let shop = shop(&broker, &place);
    assert_eq!(within("an answer", shop.buy("anvil")).await.unwrap(), u64::MAX);
    assert_eq!(within("an answer", shop.sell("anvil")).await.unwrap(), ["tab\t\"é\""]);
    let odd = within("an answer", shop.odd()).await.unwrap();
    assert_eq!(odd.to_bits(), (0.1_f64 + 0.2).to_bits());
    within("an answer", shop.nothing()).await.unwrap();
}

async fn a_documented_error_comes_back_as_its_type_with_its_data(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let _serving = place.serve(&broker, Stall).await;
    let shop = shop(&broker, &place);
    for (item, expected) in [
        ("hat", Refused::Unknown),
        ("rope", Refused::SoldOut { left: 3 }),
        ("door", Refused::Closed("nine".to_owned(), vec![0, 255])),
    ] {
        match within("an answer", shop.buy(item)).await {
            Err(CallError::Documented(refused)) => assert_eq!(refused, expected),
            other => panic!("{item}: {other:?}"),
        }
    }
    // Whoever does not share the type gets its text.
    match within("an answer", shop.producer().rpc::<u64>("buy", json!({"item": "rope"}))).await {
        Err(CallFault::Error(told)) => assert_eq!(told.message, "only 3 left"),
        other => panic!("{other:?}"),
    }
}

async fn a_text_is_a_documented_error_too(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let _serving = place.serve(&broker, Stall).await;
    match within("an answer", shop(&broker, &place).sell("hat")).await {
        Err(CallError::Documented(text)) => assert_eq!(text, "no hat"),
        other => panic!("{other:?}"),
    }
}

fn result(content: &Value) -> String {
    json!({"type": "result", "name": "none", "category": "message", "content": content}).to_string()
}

async fn an_error_of_another_service_is_its_text(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let requests = &mut place.consume(&broker).await;
    let shop = shop(&broker, &place);
    let error = |text: &str| result(&json!({"type": "error", "value": null, "message": text}));

    let call = tokio::spawn(shop.sell("hat"));
    seen(requests).await.answer(&broker, error("out of hats")).await;
    match within("an answer", call).await.unwrap() {
        Err(CallError::Documented(text)) => assert_eq!(text, "out of hats"),
        other => panic!("{other:?}"),
    }
    // A text that is none of the variants is kept as a text.
    let call = tokio::spawn(shop.buy("hat"));
    seen(requests).await.answer(&broker, error("out of hats")).await;
    match within("an answer", call).await.unwrap() {
        Err(CallError::Fault(CallFault::Error(told))) => assert_eq!(told.message, "out of hats"),
        other => panic!("{other:?}"),
    }
}

async fn an_exception_has_its_name_and_its_text(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let requests = &mut place.consume(&broker).await;
    let shop = shop(&broker, &place);
    let call = tokio::spawn(shop.buy("hat"));
    let raised = result(&json!({"type": "exception", "value": "KeyError", "message": "'w'"}));
    seen(requests).await.answer(&broker, raised).await;
    match within("an answer", call).await.unwrap() {
        Err(CallError::Fault(CallFault::Exception(raised))) => {
            assert_eq!((raised.name.as_str(), raised.message.as_str()), ("KeyError", "'w'"));
        }
        other => panic!("{other:?}"),
    }
}

async fn what_is_no_answer_is_a_malformed_reply(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let requests = &mut place.consume(&broker).await;
    let shop = shop(&broker, &place);
    for (reply, named) in [
        ("not json".to_owned(), "not JSON"),
        (String::new(), "not JSON"),
        ("[1]".to_owned(), "not an object"),
        (json!({"type": "result", "name": "none", "category": "message"}).to_string(), "`content`"),
        (result(&json!({})), "type"),
        (result(&json!({"type": "triumph", "value": 1, "message": ""})), "triumph"),
        (result(&json!({"type": "success", "message": ""})), "value"),
    ] {
        let call = tokio::spawn(shop.buy("hat"));
        seen(requests).await.answer(&broker, reply.clone()).await;
        match within("the end of the call", call).await.unwrap() {
            Err(CallError::Fault(CallFault::Malformed { reason })) => {
                assert!(reason.contains(named), "{reply}: {reason}");
            }
            other => panic!("{reply}: {other:?}"),
        }
    }
    let call = tokio::spawn(shop.buy("hat"));
    let request = seen(requests).await;
    let mut properties = Properties::default();
    properties.content_type = Some("application/pickle".into());
    properties.correlation_id = request.properties.correlation_id.clone();
    request.answer_with(&broker, properties, success(&json!(1))).await;
    match within("the end of the call", call).await.unwrap() {
        Err(CallError::Fault(CallFault::Malformed { reason })) => {
            assert!(reason.contains("application/pickle"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

async fn a_value_of_another_type_is_a_malformed_reply_that_says_so(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let _serving = place.serve(&broker, Stall).await;
    let producer = place.producer(&broker);
    match within("an answer", producer.rpc::<bool>("buy", json!({"item": "anvil"}))).await {
        Err(CallFault::Malformed { reason }) => assert!(reason.contains("bool"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

async fn nobody_there_is_unroutable(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    let shop = shop(&broker, &place);
    let unserved = within("an answer", shop.buy("anvil")).await;
    assert!(
        matches!(&unserved, Err(CallError::Fault(CallFault::Unroutable { route }))
            if route.key() == place.key),
        "{unserved:?}"
    );
    // The same client reaches the service once it is there.
    let _serving = place.serve(&broker, Stall).await;
    within("an answer", shop.buy("anvil")).await.expect("it is served now");
}

async fn nobody_answering_is_timed_out(world: World) {
    let broker = world.broker().await;
    let place = world.place("shop");
    place.declare(&broker).await;
    let call = shop(&broker, &place).greet().timeout(Duration::from_millis(400)).max_retry(1);
    match within("the end of the call", call).await {
        Err(CallFault::TimedOut { attempts, waited, uncorrelated, .. }) => {
            assert_eq!((attempts, uncorrelated), (2, 0));
            assert!(waited >= Duration::from_millis(800), "{waited:?}");
        }
        other => panic!("{other:?}"),
    }
}

async fn a_connection_closed_under_a_waiting_call_is_disconnected(world: World) {
    let (ours, theirs) = (world.broker().await, world.broker().await);
    let place = world.place("shop");
    let requests = &mut place.consume(&theirs).await;
    let call = tokio::spawn(shop(&ours, &place).buy("anvil"));
    seen(requests).await;
    within("the end of the connection", ours.close()).await.expect("it is closed");
    match within("the end of the call", call).await.unwrap() {
        Err(CallError::Fault(CallFault::Disconnected { .. })) => {}
        other => panic!("{other:?}"),
    }
    let after = within("an error", shop(&ours, &place).greet()).await;
    assert!(matches!(after, Err(CallFault::Disconnected { .. })), "{after:?}");
}

async fn faults_and_documented_errors_meet_under_one_question_mark(world: World) {
    async fn both(shop: &ShopProducer) -> Result<u64, CallError<Refused>> {
        let number = shop.buy("anvil").await?;
        shop.greet().await?;
        Ok(number)
    }
    let broker = world.broker().await;
    let place = world.place("shop");
    let _serving = place.serve(&broker, Stall).await;
    match within("answers", both(&shop(&broker, &place))).await {
        Err(CallError::Fault(CallFault::Exception(raised))) => {
            assert_eq!((raised.name.as_str(), raised.message.as_str()), ("Panic", "lost my voice"));
        }
        other => panic!("{other:?}"),
    }
}
