//! What the macros generate, written by hand: the runtime without them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postage_core::__private as p;
use postage_core::{
    Broker, CallError, CallFault, Exchange, ExchangeKind, Fingerprint, Peer, Producer, Queue,
    Serving, Stopped,
};

const DESK: Exchange = Exchange::declared("desk", ExchangeKind::Direct);

#[derive(Default)]
struct Desk {
    told: AtomicUsize,
}

impl p::MessageProcessor for Desk {
    const NAME: &'static str = "Desk";
    const TABLE: &'static [&'static [p::Method]] = &[&[
        p::Method::rpc("command", "double", "double", &[], "u32"),
        p::Method::rpc("command", "refuse", "refuse", &[], "Result<u32, String>"),
        p::Method::rpc("command", "panic", "panic", &[], "u32"),
        p::Method::message("command", "tell", "tell", &[]),
        p::Method::rpc("command", "early", "early", &[], "u32"),
        p::Method::rpc("command", "silent", "silent", &[], "u32"),
    ]];

    fn setup() -> p::ServiceSetup {
        p::ServiceSetup::new().bind(DESK, Queue::new("desk"), "desk")
    }

    fn dispatch<'a>(
        &'a self,
        index: usize,
        request: p::Request<'a>,
    ) -> p::BoxFuture<'a, p::Outcome> {
        Box::pin(async move {
            match index {
                0 => match request.parameters::<(u32,)>(&["n"]) {
                    Ok((n,)) => request.answer(n * 2).await,
                    Err(fault) => request.refuse(fault).await,
                },
                1 => request.answer_result(Err::<u32, _>("sold out".to_owned())).await,
                2 => panic!("the desk is on fire"),
                3 => {
                    self.told.fetch_add(1, Ordering::SeqCst);
                    request.settle(())
                }
                4 => {
                    request.reply::<u32, String>(|_| Vec::new()).send(4).await.unwrap();
                    request.after_reply().await
                }
                5 => request.after_reply().await,
                _ => request.unhandled().await,
            }
        })
    }
}

async fn served() -> (Broker, Serving, Producer) {
    let broker = Broker::memory();
    let serving = broker.serve(Desk::default()).await.unwrap();
    let producer = Producer::new(&broker, Fingerprint::new("test", "test")).eks([(DESK, "desk")]);
    (broker, serving, producer)
}

#[tokio::test]
async fn a_call_answers_a_value_by_either_kind_of_peer() {
    let (_broker, _serving, producer) = served().await;
    assert_eq!(producer.rpc::<u32>("double", 21).await.unwrap(), 42);
    assert_eq!(producer.rpc::<u32>("double", 4).peer(Peer::Python).await.unwrap(), 8);
    let ticket = producer.rpc::<u32>("double", 5).detach().await.unwrap();
    assert_eq!(ticket.await.unwrap(), 10);
    assert_eq!(producer.rpc::<u32>("early", ()).await.unwrap(), 4);
}

#[tokio::test]
async fn the_outcomes_of_a_call_are_kept_apart() {
    let (_broker, _serving, producer) = served().await;
    let refused =
        producer.call::<u32, CallError<String>>(postage_core::Envelope::rpc("refuse", ())).await;
    assert!(matches!(refused, Err(CallError::Documented(text)) if text == "sold out"));
    for (name, raised) in [
        ("panic", "Panic"),
        ("nothing", "UnknownCommand"),
        ("silent", "NoReply"),
        ("double", "InvalidParameters"),
    ] {
        match producer.rpc::<u32>(name, "no number").await {
            Err(CallFault::Exception(exception)) => assert_eq!(exception.name, raised),
            other => panic!("{name}: {other:?}"),
        }
    }
    let unserved = producer.rpc::<u32>("double", 1).key("elsewhere").await;
    assert!(matches!(unserved, Err(CallFault::Unroutable { .. })), "{unserved:?}");
    let malformed = producer.rpc::<String>("double", 1).await;
    assert!(matches!(malformed, Err(CallFault::Malformed { .. })), "{malformed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_answers_is_sent_again_and_then_times_out() {
    let broker = Broker::memory();
    broker.declare_queue(&Queue::new("silent")).await.unwrap();
    let producer =
        Producer::new(&broker, Fingerprint::default()).eks([(Exchange::DEFAULT, "silent")]);
    let call = producer.rpc::<u32>("double", 1).timeout(Duration::from_secs(1)).max_retry(2);
    match call.await {
        Err(CallFault::TimedOut { attempts, waited, .. }) => {
            assert_eq!((attempts, waited.as_secs()), (3, 3));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_command_quit_stops_the_service_and_a_drained_one_reports() {
    let (_broker, serving, producer) = served().await;
    producer.command("tell", ()).await.unwrap();
    producer.command("quit", ()).await.unwrap();
    assert!(matches!(serving.stopped().await, Stopped::Quit));
    let drained = serving.drain(Duration::from_secs(1)).await;
    assert_eq!(drained.cut_off, 0);
}
