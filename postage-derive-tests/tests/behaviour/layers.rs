//! Handlers, calls and sends run within `tower` layers.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{join_all, ready};
use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{
    Address, ApplicationCommandsProducer, CallFault, Category, Context as Cx, FieldValue, Handling,
    Outcome, Receipt, RemoteException, Retry, SendError, Sending, Serve,
};
use serde_json::json;
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::load_shed::error::Overloaded;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::util::{BoxCloneSyncService, MapRequestLayer};
use tower::{BoxError, ServiceBuilder, ServiceExt as _, service_fn};

use crate::world::{
    DEADLINE, Ear, Gate, Place, Voice, World, line, nothing_more, publish, seen, within,
};

struct Bench {
    voice: Voice,
    gate: Arc<Gate>,
    at_work: AtomicUsize,
}

#[message_processor]
impl Bench {
    /// Works until the gate lets it go, and answers how many were at work.
    #[rpc_handler]
    async fn work(&self) -> usize {
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.voice.say("works");
        self.gate.pass().await;
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        at_work
    }

    #[rpc_handler]
    async fn tenant(&self, #[context] cx: &Cx) -> String {
        self.voice.say("tenant");
        cx.header("tenant").and_then(FieldValue::as_str).unwrap_or("nobody").to_owned()
    }

    #[rpc_handler]
    async fn flicker(&self) -> u32 {
        self.voice.say("flickers");
        self.gate.pass().await;
        match self.at_work.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("the light went out"),
            tries => u32::try_from(tries).unwrap(),
        }
    }

    #[message_handler]
    async fn keep(&self, #[context] cx: &Cx) {
        let failures = cx.failures();
        self.voice.say(format!("keeps after {failures} failures"));
    }

    #[message_handler("status", "late")]
    async fn late(&self) {
        self.gate.pass().await;
        self.voice.say("too late");
    }
}

/// A bench that is served within layers.
struct Served {
    broker: Broker,
    place: Place,
    gate: Arc<Gate>,
    voice: Voice,
    ear: Ear,
    _serving: Serving,
}

impl Served {
    async fn within(world: &World, change: impl FnOnce(Serve, Voice) -> Serve) -> Self {
        let broker = world.broker().await;
        let place = world.place("bench");
        let ((voice, ear), gate) = (line(), Arc::new(Gate::shut()));
        let bench =
            Bench { voice: voice.clone(), gate: Arc::clone(&gate), at_work: AtomicUsize::new(0) };
        let layered = |serve| change(serve, voice.clone());
        let _serving = place.serve_with(&broker, bench, layered).await;
        Self { broker, place, gate, voice, ear, _serving }
    }

    fn producer(&self) -> Producer {
        self.place.producer(&self.broker)
    }
}

/// The exception that a call ended with.
async fn raised<T>(call: Call<T>) -> (String, String)
where
    T: serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    match within("an answer", call).await {
        Err(CallFault::Exception(raised)) => (raised.name, raised.message),
        other => panic!("{other:?}"),
    }
}

/// Says when a request comes by, and when its response does.
fn says<R, T>(
    label: &'static str,
    voice: &Voice,
) -> impl tower::Layer<Inner<R, T>, Service = Inner<R, T>> + use<R, T>
where
    R: Send + 'static,
    T: Send + 'static,
{
    let voice = voice.clone();
    layer_fn(move |inner: Inner<R, T>| {
        let voice = voice.clone();
        BoxCloneSyncService::new(service_fn(move |request: R| {
            let (inner, voice) = (inner.clone(), voice.clone());
            async move {
                voice.say(format!("{label} in"));
                let response = inner.oneshot(request).await;
                voice.say(format!("{label} out"));
                response
            }
        }))
    })
}

type Inner<R, T> = BoxCloneSyncService<R, T, BoxError>;

/// A layer that answers itself.
fn answers<R: Send + 'static, T: Send + 'static>(
    answer: impl Fn(&R) -> Result<T, BoxError> + Clone + Send + Sync + 'static,
) -> impl tower::Layer<Inner<R, T>, Service = Inner<R, T>> {
    layer_fn(move |_| {
        let answer = answer.clone();
        BoxCloneSyncService::new(service_fn(move |request: R| ready(answer(&request))))
    })
}

on_every_broker! {
    a_layer_of_the_service_sees_the_method_the_fingerprint_and_the_headers,
    a_layer_of_the_client_sees_the_method_the_fingerprint_and_the_routes,
    a_header_that_a_layer_adds_arrives_with_calls_and_messages,
    the_layer_added_last_is_the_outermost_and_in_a_builder_the_first,
    a_handler_over_the_time_of_a_layer_is_an_exception_to_the_caller,
    a_message_over_the_time_of_a_layer_has_failed,
    no_more_handlers_run_than_a_layer_lets_in,
    what_is_over_the_rate_of_a_layer_waits,
    a_call_that_is_shed_is_answered_at_once_and_is_no_dead_letter,
    a_message_that_is_shed_is_tried_again,
    an_error_of_a_layer_is_an_exception_to_the_caller_named_by_the_error,
    a_call_that_a_layer_lets_go_by_is_told_so,
    a_panic_in_a_layer_harms_no_other_message,
    a_message_that_comes_again_under_its_id_meets_no_layer,
    an_error_of_a_layer_of_the_client_ends_the_call_and_the_send,
    a_layer_of_the_client_may_try_again,
    a_detached_call_goes_through_the_layers_once,
    a_deadline_bounds_the_wait_for_a_layer,
    a_call_to_many_goes_through_the_layers_when_it_is_sent,
    the_commands_of_an_application_go_through_its_layers,
}

async fn a_layer_of_the_service_sees_the_method_the_fingerprint_and_the_headers(world: World) {
    let mut served = Served::within(&world, |serve, voice| {
        serve.layer(MapRequestLayer::new(move |handling: Handling| {
            let sender = handling.fingerprint().map(|sender| sender.name);
            let tenant = handling.headers().get("tenant").cloned();
            voice.say(format!(
                "{} {} {} {sender:?} {tenant:?} {}",
                handling.service(),
                handling.method().method(),
                handling.name(),
                handling.context().time_left().is_some(),
            ));
            handling
        }))
    })
    .await;
    let call = served.producer().rpc::<String>("tenant", ()).header("tenant", "acme");
    assert_eq!(within("an answer", call).await.unwrap(), "acme");
    let text = FieldValue::from("acme");
    let expected = format!("Bench tenant tenant Some(\"case\") {:?} true", Some(text));
    assert_eq!(served.ear.hears().await, expected);
    assert_eq!(served.ear.hears().await, "tenant");
    served.gate.open(1);
    within("a confirm", served.producer().status("late")).await.unwrap();
    assert_eq!(served.ear.hears().await, "Bench late late Some(\"case\") None false");
    assert_eq!(served.ear.hears().await, "too late");
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

async fn the_layer_added_last_is_the_outermost_and_in_a_builder_the_first(world: World) {
    let mut served = Served::within(&world, |serve, voice| {
        let both = ServiceBuilder::new()
            .layer(says::<Handling, Outcome>("second", &voice))
            .layer(says("third", &voice));
        serve.layer(both).layer(says("first", &voice))
    })
    .await;
    let voice = &served.voice;
    let both = ServiceBuilder::new()
        .layer(says::<Sending, Receipt>("ours", voice))
        .layer(says("inner", voice));
    let producer = served.producer().layer(both).layer(says("outer", voice));
    within("an answer", producer.rpc::<String>("tenant", ())).await.unwrap();
    let order = ["outer in", "ours in", "inner in", "first in", "second in", "third in", "tenant"];
    for word in order {
        assert_eq!(served.ear.hears().await, word);
    }
    // The reply is on its way while the layers of the service end.
    let mut ends = Vec::new();
    for _ in 0..6 {
        ends.push(served.ear.hears().await);
    }
    let of = |labels: [&str; 3]| {
        let mut heard = ends.clone();
        heard.retain(|end| labels.iter().any(|label| *end == format!("{label} out")));
        heard
    };
    assert_eq!(of(["first", "second", "third"]), ["third out", "second out", "first out"]);
    assert_eq!(of(["outer", "ours", "inner"]), ["inner out", "ours out", "outer out"]);
}

/// So short that a handler at a shut gate is over it.
const SHORT: Duration = Duration::from_millis(30);

async fn a_handler_over_the_time_of_a_layer_is_an_exception_to_the_caller(world: World) {
    let mut served = Served::within(&world, |serve, _| serve.layer(TimeoutLayer::new(SHORT))).await;
    let (name, text) = raised(served.producer().rpc::<usize>("work", ())).await;
    assert_eq!((name.as_str(), text.as_str()), ("HandlerTimeout", "request timed out"));
    assert_eq!(served.ear.hears().await, "works");
    let dead = seen(&mut served.place.dead_letters(&served.broker).await).await;
    assert_eq!(dead.name(), "work");
}

async fn a_message_over_the_time_of_a_layer_has_failed(world: World) {
    let mut served = Served::within(&world, |serve, _| serve.layer(TimeoutLayer::new(SHORT))).await;
    within("a confirm", served.producer().status("late")).await.unwrap();
    let dead = seen(&mut served.place.dead_letters(&served.broker).await).await;
    let reason = dead.properties.header("postage-error").and_then(FieldValue::as_str);
    assert_eq!(reason, Some("HandlerTimeout: request timed out"));
    let handler = dead.properties.header("postage-handler").and_then(FieldValue::as_str);
    assert_eq!(handler, Some("late"));
    // Its handler is gone.
    served.gate.open(1);
    assert_eq!(served.ear.rest(), [""; 0]);
}

async fn no_more_handlers_run_than_a_layer_lets_in(world: World) {
    let limit = |serve: Serve, _| serve.layer(ConcurrencyLimitLayer::new(2));
    let mut served = Served::within(&world, limit).await;
    let producer = served.producer();
    let calls = (0..8).map(|_| tokio::spawn(producer.rpc::<usize>("work", ())));
    let calls: Vec<_> = calls.collect();
    for _ in 0..2 {
        assert_eq!(served.ear.hears().await, "works");
    }
    served.gate.open(8);
    let at_work = within("the answers", join_all(calls)).await;
    let most = at_work.into_iter().map(|answer| answer.unwrap().unwrap()).max();
    assert_eq!(most, Some(2));
}

/// A limit of the rate is not `Clone`; a buffer makes it so.
fn rate(serve: Serve, messages: u64) -> Serve {
    let hour = Duration::from_secs(3600);
    serve.layer(ServiceBuilder::new().buffer(64).rate_limit(messages, hour))
}

async fn what_is_over_the_rate_of_a_layer_waits(world: World) {
    let mut served = Served::within(&world, |serve, _| rate(serve, 2)).await;
    let producer = served.producer();
    for _ in 0..2 {
        within("an answer", producer.rpc::<String>("tenant", ())).await.unwrap();
    }
    let third = producer.rpc::<String>("tenant", ()).timeout(SHORT * 10).max_retry(0);
    let third = within("the end of the call", third).await;
    assert!(matches!(third, Err(CallFault::TimedOut { .. })), "{third:?}");
    assert_eq!(served.ear.rest(), ["tenant", "tenant"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_over_the_rate_of_a_layer_is_handled_in_its_time() {
    let day = Duration::from_secs(24 * 3600);
    let world = World::memory();
    let served = Served::within(&world, |serve, _| rate(serve, 1).handler_time(day)).await;
    let producer = served.producer().timeout(day);
    let start = Instant::now();
    let answers = join_all((0..3).map(|_| producer.rpc::<String>("tenant", ()))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(start.elapsed() >= Duration::from_secs(2 * 3600), "{:?}", start.elapsed());
}

fn shedding(serve: Serve) -> Serve {
    serve.layer(ConcurrencyLimitLayer::new(1)).layer(LoadShedLayer::new())
}

async fn a_call_that_is_shed_is_answered_at_once_and_is_no_dead_letter(world: World) {
    let mut served = Served::within(&world, |serve, _| shedding(serve)).await;
    let first = tokio::spawn(served.producer().rpc::<usize>("work", ()));
    assert_eq!(served.ear.hears().await, "works");
    // The first one has not ended.
    let (name, text) = raised(served.producer().rpc::<usize>("work", ())).await;
    assert_eq!((name.as_str(), text.as_str()), ("Overloaded", "service overloaded"));
    let mut dead = served.place.dead_letters(&served.broker).await;
    nothing_more(&served.broker, &served.place.dead, &mut dead).await;
    served.gate.open(1);
    assert_eq!(within("the first answer", first).await.unwrap().unwrap(), 1);
    assert_eq!(served.ear.rest(), [""; 0]);
}

async fn a_message_that_is_shed_is_tried_again(world: World) {
    let retry = Retry::new(10_000).first_pause(SHORT).longest_pause(SHORT);
    let layers = |serve: Serve, voice: Voice| {
        let announce = MapRequestLayer::new(move |handling: Handling| {
            if handling.context().failures() == 1 {
                voice.say("again");
            }
            handling
        });
        shedding(serve.retry(retry)).layer(announce)
    };
    let mut served = Served::within(&world, layers).await;
    let first = tokio::spawn(served.producer().rpc::<usize>("work", ()));
    assert_eq!(served.ear.hears().await, "works");
    within("a confirm", served.producer().command("keep", ())).await.unwrap();
    assert_eq!(served.ear.hears().await, "again");
    served.gate.open(1);
    within("the first answer", first).await.unwrap().unwrap();
    let kept = served.ear.hears().await;
    assert!(kept.starts_with("keeps after") && !kept.contains("after 0"), "{kept}");
}

async fn an_error_of_a_layer_is_an_exception_to_the_caller_named_by_the_error(world: World) {
    #[derive(Debug)]
    struct Shut;
    impl std::error::Error for Shut {}
    impl std::fmt::Display for Shut {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the bench is shut")
        }
    }
    let mut served = Served::within(&world, |serve, _| {
        serve.layer(answers::<Handling, Outcome>(|handling| match handling.name() {
            "work" => Err(Shut.into()),
            _ => Err(RemoteException::new("Forbidden", "no badge").into()),
        }))
    })
    .await;
    let told = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let shut = raised(served.producer().rpc::<usize>("work", ())).await;
    assert_eq!(shut, told("LayerError", "the bench is shut"));
    let forbidden = raised(served.producer().rpc::<String>("tenant", ())).await;
    assert_eq!(forbidden, told("Forbidden", "no badge"));
    assert_eq!(served.ear.rest(), [""; 0]);
}

async fn a_call_that_a_layer_lets_go_by_is_told_so(world: World) {
    let served = Served::within(&world, |serve, _| {
        serve.layer(answers::<Handling, Outcome>(|_| Ok(Outcome::Done)))
    })
    .await;
    let (name, text) = raised(served.producer().rpc::<usize>("work", ())).await;
    assert_eq!(name, "NoReply");
    assert!(text.contains("layers"), "{text}");
}

async fn a_panic_in_a_layer_harms_no_other_message(world: World) {
    let mut served = Served::within(&world, |serve, _| {
        serve.layer(MapRequestLayer::new(|handling: Handling| {
            assert!(handling.headers().get("trip").is_none(), "tripped");
            handling
        }))
    })
    .await;
    let producer = served.producer();
    let (name, text) = raised(producer.rpc::<String>("tenant", ()).header("trip", true)).await;
    assert_eq!((name.as_str(), text.as_str()), ("Panic", "tripped"));
    within("a confirm", producer.command("keep", ()).header("trip", true)).await.unwrap();
    let mut dead = served.place.dead_letters(&served.broker).await;
    let mut names = [seen(&mut dead).await.name(), seen(&mut dead).await.name()];
    names.sort();
    assert_eq!(names, ["keep", "tenant"]);
    assert_eq!(within("an answer", producer.rpc::<String>("tenant", ())).await.unwrap(), "nobody");
    assert_eq!(served.ear.rest(), ["tenant"]);
}

async fn a_message_that_comes_again_under_its_id_meets_no_layer(world: World) {
    let layered = |serve: Serve, voice: Voice| serve.layer(says("layer", &voice));
    let mut served = Served::within(&world, layered).await;
    let body = r#"{"type":"command","name":"keep","category":"message","content":{}}"#;
    let mut properties = Properties::default();
    properties.message_id = Some("the same".into());
    for _ in 0..2 {
        publish(&served.broker, &served.place, properties.clone(), body).await;
    }
    within("a confirm", served.producer().status("late")).await.unwrap();
    served.gate.open(1);
    let mut heard = Vec::new();
    for _ in 0..6 {
        heard.push(served.ear.hears().await);
    }
    heard.sort();
    let expected =
        ["keeps after 0 failures", "layer in", "layer in", "layer out", "layer out", "too late"];
    assert_eq!(heard, expected);
    within("a drain", served._serving.drain(DEADLINE)).await;
    assert_eq!(served.ear.rest(), [""; 0]);
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

/// A layer that lets nothing through.
fn closed() -> impl tower::Layer<Inner<Sending, Receipt>, Service = Inner<Sending, Receipt>> {
    answers::<Sending, Receipt>(|_| Err("closed".into()))
}

async fn the_commands_of_an_application_go_through_its_layers(world: World) {
    let broker = world.broker().await;
    let ((voice, mut ear), gate) = (line(), Arc::new(Gate::shut()));
    let (name, at_work) = (world.name("bench"), AtomicUsize::new(0));
    let serve = broker.serve(Bench { voice: voice.clone(), gate, at_work });
    let serve = serve.layer(says("layer", &voice)).application(name.clone());
    let _application = within("the application", serve.into_future()).await.unwrap();
    let client = ApplicationCommandsProducer::new(&broker, Fingerprint::new("case", "test"));
    let found = within("an answer", client.ping().to(Address::name(&name))).await.unwrap();
    assert_eq!(found.name, name);
    assert_eq!(ear.hears().await, "layer in");
}
