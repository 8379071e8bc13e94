//! What the layers of a service do.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::future::join_all;
use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{
    Address, ApplicationCommandsProducer, CallFault, FieldValue, Handling, Outcome, Receipt,
    RemoteException, Retry, Sending, Serve,
};
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};

use super::{Bench, SHORT, Served, answers, raised, says};
use crate::world::{DEADLINE, Gate, Voice, World, line, nothing_more, publish, seen, within};

on_every_broker! {
    a_layer_of_the_service_sees_the_method_the_fingerprint_and_the_headers,
    the_layer_added_last_is_the_outermost_and_in_a_builder_the_first,
    a_handler_over_the_time_of_a_layer_is_an_exception_to_the_caller,
    a_message_over_the_time_of_a_layer_has_failed,
    what_a_handler_says_outright_is_what_a_layer_gets_back,
    no_more_handlers_run_than_a_layer_lets_in,
    what_is_over_the_rate_of_a_layer_waits,
    a_call_that_is_shed_is_answered_at_once_and_is_no_dead_letter,
    a_message_that_is_shed_is_tried_again,
    an_error_of_a_layer_is_an_exception_to_the_caller_named_by_the_error,
    a_call_that_a_layer_lets_go_by_is_told_so,
    a_panic_in_a_layer_harms_no_other_message,
    a_message_that_comes_again_under_its_id_meets_no_layer,
    the_commands_of_an_application_go_past_its_layers,
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

async fn what_a_handler_says_outright_is_what_a_layer_gets_back(world: World) {
    let mut served = Served::within(&world, |serve, voice| {
        serve.layer(MapResponseLayer::new(move |outcome: Outcome| {
            voice.say(format!("{outcome:?}"));
            outcome
        }))
    })
    .await;
    within("a confirm", served.producer().command("refuse", ())).await.unwrap();
    let told = served.ear.hears().await;
    assert!(told.starts_with("Reject") && told.contains("of no use"), "{told}");
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

async fn the_commands_of_an_application_go_past_its_layers(world: World) {
    let broker = world.broker().await;
    let ((voice, mut ear), gate) = (line(), Arc::new(Gate::shut()));
    let (name, at_work) = (world.name("bench"), AtomicUsize::new(0));
    let bench = Bench { voice: voice.clone(), gate: Arc::clone(&gate), at_work };
    let full = ServiceBuilder::new().load_shed().concurrency_limit(1);
    let serve = broker.serve(bench).layer(full).layer(says("layer", &voice));
    let application = serve.application(name.clone()).into_future();
    let application = within("the application", application).await.unwrap();
    let name = Address::name(&name);
    let client = Producer::new(&broker, Fingerprint::new("case", "test"));
    within("a confirm", client.status("late").to(name.clone())).await.unwrap();
    assert_eq!(ear.hears().await, "layer in");
    // What goes through them is shed now.
    let shed = client.rpc::<usize>("work", ()).to(name.clone());
    assert_eq!(raised(shed).await.0, "Overloaded");
    assert_eq!([ear.hears().await, ear.hears().await], ["layer in", "layer out"]);

    let client = ApplicationCommandsProducer::new(&broker, Fingerprint::new("case", "test"));
    let found = within("an answer", client.ping().to(name.clone())).await.unwrap();
    assert_eq!(&found, application.fingerprint());
    within("a confirm", client.join_group("night").to(name.clone())).await.unwrap();
    let joined = async {
        let describe = || client.describe_application().to(name.clone());
        while describe().await.unwrap().groups != ["night"] {
            tokio::task::yield_now().await;
        }
    };
    within("the group", joined).await;
    assert_eq!(ear.rest(), [""; 0]);
    gate.open(1);
    assert_eq!([ear.hears().await, ear.hears().await], ["too late", "layer out"]);
}
