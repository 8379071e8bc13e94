//! What the layers of a producer do.

use postage_core::prelude::*;
use postage_core::{CallFault, Category, FieldValue, Receipt, SendError, Sending};
use serde_json::json;
use tower::BoxError;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::load_shed::error::Overloaded;
use tower::retry::{Policy, RetryLayer};
use tower::util::MapRequestLayer;

use super::{Inner, SHORT, Served, answers, says};
use crate::world::{DEADLINE, World, seen, within};

on_every_broker! {
    a_layer_of_the_client_sees_the_method_the_fingerprint_and_the_routes,
    a_header_that_a_layer_adds_arrives_with_calls_and_messages,
    an_error_of_a_layer_of_the_client_ends_the_call_and_the_send,
    a_layer_of_the_client_may_try_again,
    a_detached_call_goes_through_the_layers_once,
    a_deadline_bounds_the_wait_for_a_layer,
    a_call_to_many_goes_through_the_layers_when_it_is_sent,
    a_call_to_many_ends_in_its_time_also_when_a_layer_holds_it,
}

/// What one may ask of a bench.
#[producer(exchange = crate::world::Anywhere, key = "bench.key")]
trait Workplace {
    /// Says whose it is.
    #[rpc(name = "tenant")]
    async fn whose(&self) -> String;
}

async fn a_layer_of_the_client_sees_the_method_the_fingerprint_and_the_routes(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    let voice = served.voice.clone();
    let tell = MapRequestLayer::new(move |sending: Sending| {
        let method = sending.method().map(|method| method.method());
        let sender = sending.fingerprint().map(|sender| sender.name);
        let content = sending.message().unwrap().content().get().to_owned();
        let (kind, name) = (sending.kind(), sending.name());
        assert!(matches!(sending.category(), Category::Rpc) || sending.time_left().is_none());
        let keys: Vec<_> = sending.routes().iter().map(|route| route.key().to_owned()).collect();
        voice.say(format!("{kind} {name} {method:?} {sender:?} {content} {keys:?}"));
        sending
    });
    let client = WorkplaceProducer::new(&served.broker, Fingerprint::new("case", "test"))
        .with(|producer| producer.eks(served.place.eks()).layer(tell));
    within("an answer", client.whose()).await.unwrap();
    let told = r#"command tenant Some("whose") Some("case") {"parameters":{}} ["bench.key"]"#;
    assert_eq!(served.ear.hears().await, told);
    assert_eq!(served.ear.hears().await, "tenant");
    within("a confirm", client.producer().command("keep", json!({"n": 1}))).await.unwrap();
    let told = r#"command keep None Some("case") {"parameters":{"n":1}} ["bench.key"]"#;
    assert_eq!(served.ear.hears().await, told);
}

async fn a_header_that_a_layer_adds_arrives_with_calls_and_messages(world: World) {
    let served = Served::within(&world, |serve, _| serve).await;
    let add = MapRequestLayer::new(|mut sending: Sending| {
        sending.headers_mut().insert("tenant", "acme");
        sending
    });
    let producer = served.producer().layer(add);
    let call = producer.rpc::<String>("tenant", ());
    assert_eq!(within("an answer", call).await.unwrap(), "acme");
    let other = world.place("other");
    let mut messages = other.consume(&served.broker).await;
    within("a confirm", producer.eks(other.eks()).status("on")).await.unwrap();
    let message = seen(&mut messages).await;
    assert_eq!(message.properties.header("tenant"), Some(&FieldValue::from("acme")));
}

async fn an_error_of_a_layer_of_the_client_ends_the_call_and_the_send(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    let producer =
        served.producer().layer(ConcurrencyLimitLayer::new(1)).layer(LoadShedLayer::new());
    let first = tokio::spawn(producer.rpc::<usize>("work", ()));
    assert_eq!(served.ear.hears().await, "works");
    let second = within("the end of the call", producer.rpc::<usize>("work", ())).await;
    match &second {
        Err(CallFault::Layer { source }) => assert!(source.is::<Overloaded>(), "{source:?}"),
        other => panic!("{other:?}"),
    }
    let second = second.unwrap_err();
    assert_eq!(second.to_string(), "a layer ended the call: service overloaded");
    let source = std::error::Error::source(&second).expect("it has a source");
    assert!(source.is::<Overloaded>(), "{source:?}");
    let sent = within("the end of the send", producer.command("keep", ())).await;
    assert!(
        matches!(&sent, Err(SendError::Layer { source }) if source.is::<Overloaded>()),
        "{sent:?}"
    );
    // What goes wrong inside is what it is without layers.
    served.gate.open(1);
    within("the first answer", first).await.unwrap().unwrap();
    let nowhere = producer.rpc::<usize>("work", ()).key("nowhere");
    let nowhere = within("the end of the call", nowhere).await;
    assert!(matches!(nowhere, Err(CallFault::Unroutable { .. })), "{nowhere:?}");
    let nowhere = within("the end of the send", producer.status("late").key("nowhere")).await;
    assert!(matches!(nowhere, Err(SendError::Unroutable { .. })), "{nowhere:?}");
    assert_eq!(served.ear.rest(), [""; 0]);
}

/// Tries again, once, what was answered with an exception.
#[derive(Clone)]
struct Once(bool);

impl Policy<Sending, Receipt, BoxError> for Once {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Sending,
        result: &mut Result<Receipt, BoxError>,
    ) -> Option<Self::Future> {
        let reply = result.as_ref().ok()?.reply().ok()??;
        let again = !reply.truth() && !std::mem::replace(&mut self.0, true);
        again.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, sending: &Sending) -> Option<Sending> {
        Some(sending.clone())
    }
}

async fn a_layer_of_the_client_may_try_again(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    served.gate.open(4);
    let producer = served.producer().layer(RetryLayer::new(Once(false)));
    assert_eq!(within("an answer", producer.rpc::<u32>("flicker", ())).await.unwrap(), 1);
    assert_eq!(served.ear.rest(), ["flickers", "flickers"]);
}

async fn a_detached_call_goes_through_the_layers_once(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    let producer = served.producer().layer(says("layer", &served.voice));
    let ticket = within("a ticket", producer.rpc::<usize>("work", ()).detach()).await.unwrap();
    assert!(!ticket.id().is_empty() && !ticket.reply_to().is_empty(), "{ticket:?}");
    assert_eq!(served.ear.hears().await, "layer in");
    assert_eq!(served.ear.hears().await, "works");
    served.gate.open(1);
    assert_eq!(within("an answer", ticket).await.unwrap(), 1);
    assert_eq!(served.ear.rest(), ["layer out"]);

    let closed = served.producer().layer(closed());
    let refused = within("a ticket", closed.rpc::<usize>("work", ()).detach()).await;
    assert!(matches!(refused, Err(CallFault::Layer { .. })), "{refused:?}");
}

async fn a_deadline_bounds_the_wait_for_a_layer(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    let producer = served.producer().layer(ConcurrencyLimitLayer::new(1));
    let first = tokio::spawn(producer.rpc::<usize>("work", ()));
    assert_eq!(served.ear.hears().await, "works");
    let second = producer.rpc::<usize>("work", ()).deadline(SHORT);
    match within("the end of the call", second).await {
        Err(CallFault::TimedOut { attempts, waited, .. }) => {
            assert_eq!(attempts, 0);
            assert!(waited >= SHORT, "{waited:?}");
        }
        other => panic!("{other:?}"),
    }
    served.gate.open(1);
    within("the first answer", first).await.unwrap().unwrap();
    assert_eq!(served.ear.rest(), [""; 0]);
}

async fn a_call_to_many_goes_through_the_layers_when_it_is_sent(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    let add = MapRequestLayer::new(|mut sending: Sending| {
        assert_eq!(sending.category(), Category::Rpc);
        sending.headers_mut().insert("tenant", "acme");
        sending
    });
    let producer = served.producer().layer(add).layer(says("layer", &served.voice));
    let answers = producer.rpc::<String>("tenant", ()).answers(DEADLINE);
    let first = within("an answer", answers.first(1)).await;
    assert_eq!(first[0].result.as_deref().unwrap(), "acme");
    let mut heard = served.ear.rest();
    heard.sort();
    assert_eq!(heard, ["layer in", "layer out", "tenant"]);

    let closed = served.producer().layer(closed());
    let none = within("an end", closed.rpc::<String>("tenant", ()).answers(DEADLINE).all()).await;
    assert_eq!(none.len(), 1);
    assert!(matches!(none[0].result, Err(CallFault::Layer { .. })), "{none:?}");
}

async fn a_call_to_many_ends_in_its_time_also_when_a_layer_holds_it(world: World) {
    let mut served = Served::within(&world, |serve, _| serve).await;
    let producer = served.producer().layer(ConcurrencyLimitLayer::new(1));
    let first = tokio::spawn(producer.rpc::<usize>("work", ()));
    assert_eq!(served.ear.hears().await, "works");
    let many = producer.rpc::<usize>("work", ()).answers(SHORT);
    let answers = within("the end", many.all()).await;
    assert!(matches!(answers[0].result, Err(CallFault::TimedOut { .. })), "{answers:?}");
    served.gate.open(1);
    within("the first answer", first).await.unwrap().unwrap();
}

/// A layer that lets nothing through.
fn closed() -> impl tower::Layer<Inner<Sending, Receipt>, Service = Inner<Sending, Receipt>> {
    answers::<Sending, Receipt>(|_| Err("closed".into()))
}
