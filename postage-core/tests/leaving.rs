//! Callers that leave, handlers that take too long, reply addresses that are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use postage_core::__private as p;
use postage_core::{
    Broker, CallFault, Exchange, ExchangeKind, Fingerprint, MemoryTransport, Producer, Queue,
    ReplyTo, Serving,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

const DESK: Exchange = Exchange::declared("desk", ExchangeKind::Direct);

/// A handler that never ends by itself, and says when it begins and when it is dropped.
#[derive(Default)]
struct Desk {
    begun: Arc<Notify>,
    dropped: Arc<Notify>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl p::MessageProcessor for Desk {
    const NAME: &'static str = "Desk";
    const TABLE: &'static [&'static [p::Method]] = &[&[
        p::Method::rpc("command", "long", "long", &[], "u32").cancellable(),
        p::Method::rpc("command", "quick", "quick", &[], "u32"),
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
            if index == 0 {
                let _guard = OnDrop(Arc::clone(&self.dropped));
                self.begun.notify_one();
                std::future::pending::<()>().await;
            }
            request.answer(1).await
        })
    }
}

async fn served(
    change: impl FnOnce(postage_core::Serve) -> postage_core::Serve,
) -> (Arc<Desk>, Serving, Producer) {
    let broker = Broker::memory();
    let desk = Arc::new(Desk::default());
    let serving = change(broker.serve(Arc::clone(&desk))).await.unwrap();
    let producer = Producer::new(&broker, Fingerprint::default()).eks([(DESK, "desk")]);
    (desk, serving, producer)
}

#[tokio::test]
async fn a_dropped_call_stops_its_cancellable_handler() {
    let (desk, _serving, producer) = served(|serve| serve).await;
    let call = tokio::spawn(producer.rpc::<u32>("long", ()).cancellable());
    desk.begun.notified().await;
    call.abort();
    desk.dropped.notified().await;
    assert_eq!(producer.rpc::<u32>("quick", ()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_up_stops_its_cancellable_handler() {
    let (desk, _serving, producer) = served(|serve| serve).await;
    let call = producer.rpc::<u32>("long", ()).cancellable();
    let ended = call.timeout(Duration::from_secs(1)).max_retry(0).await;
    assert!(matches!(ended, Err(CallFault::TimedOut { .. })), "{ended:?}");
    desk.dropped.notified().await;
}

#[tokio::test]
async fn a_dropped_ticket_does_not_take_the_request_back() {
    let (desk, serving, producer) = served(|serve| serve).await;
    let ticket = producer.rpc::<u32>("long", ()).cancellable().detach().await.unwrap();
    desk.begun.notified().await;
    drop(ticket);
    assert_eq!(producer.rpc::<u32>("quick", ()).await.unwrap(), 1);
    let drained = serving.drain(Duration::ZERO).await;
    assert_eq!(drained.cut_off, 1, "the handler was still running");
}

#[tokio::test]
async fn a_ticket_that_is_cancelled_stops_its_cancellable_handler() {
    let (desk, _serving, producer) = served(|serve| serve).await;
    let ticket = producer.rpc::<u32>("long", ()).cancellable().detach().await.unwrap();
    desk.begun.notified().await;
    ticket.cancel();
    desk.dropped.notified().await;
}

#[tokio::test(start_paused = true)]
async fn a_ticket_whose_time_is_up_stops_its_cancellable_handler_and_not_before_it_is_awaited() {
    let (desk, _serving, producer) = served(|serve| serve).await;
    let call = producer.rpc::<u32>("long", ()).cancellable();
    let ticket = call.timeout(Duration::from_secs(1)).max_retry(0).detach().await.unwrap();
    desk.begun.notified().await;
    sleep(Duration::from_secs(100)).await;
    assert!(desk.dropped.notified().now_or_never().is_none(), "the answer may be wanted yet");
    let ended = ticket.await;
    assert!(matches!(ended, Err(CallFault::TimedOut { .. })), "{ended:?}");
    desk.dropped.notified().await;
}

#[tokio::test]
async fn a_call_that_is_dropped_with_its_connection_stops_its_cancellable_handler() {
    let memory = MemoryTransport::new();
    let (services, callers) = (Broker::over(memory.connect()), Broker::over(memory.connect()));
    let desk = Arc::new(Desk::default());
    let _serving = services.serve(Arc::clone(&desk)).await.unwrap();
    let producer = Producer::new(&callers, Fingerprint::default()).eks([(DESK, "desk")]);
    let mut call = Box::pin(producer.rpc::<u32>("long", ()).cancellable());
    tokio::select! {
        _ = &mut call => panic!("it never ends"),
        () = desk.begun.notified() => {}
    }
    drop((call, producer, callers));
    desk.dropped.notified().await;
}

/// As where a service may not consume from the exchange.
#[tokio::test(start_paused = true)]
async fn where_callers_cannot_be_heard_services_serve_and_handlers_end_with_the_calls_time() {
    let broker = Broker::memory();
    let another = Exchange::new("postage-cancelled", ExchangeKind::Direct);
    broker.declare_exchange(&another).await.unwrap();
    let desk = Arc::new(Desk::default());
    let _serving = broker.serve(Arc::clone(&desk)).await.unwrap();
    let producer = Producer::new(&broker, Fingerprint::default()).eks([(DESK, "desk")]);
    assert_eq!(producer.rpc::<u32>("quick", ()).await.unwrap(), 1);
    let since = Instant::now();
    let call = producer.rpc::<u32>("long", ()).cancellable();
    let call = tokio::spawn(call.timeout(Duration::from_secs(2)).max_retry(1));
    desk.begun.notified().await;
    call.abort();
    desk.dropped.notified().await;
    assert_eq!(since.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_an_exception() {
    let (_desk, _serving, producer) =
        served(|serve| serve.handler_time(Duration::from_secs(2))).await;
    match producer.rpc::<u32>("long", ()).await {
        Err(CallFault::Exception(exception)) => assert_eq!(exception.name, "HandlerTimeout"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_address_that_is_no_reply_queue_can_be_refused() {
    let (_desk, _serving, producer) = served(|serve| serve.reply_to(ReplyTo::ReplyQueues)).await;
    assert_eq!(producer.rpc::<u32>("quick", ()).await.unwrap(), 1);
    assert!(!reply_is_sent_to("another-queue", ReplyTo::ReplyQueues).await);
    assert!(reply_is_sent_to("another-queue", ReplyTo::Anywhere).await);
}

/// Whether a request with this reply address is answered there.
async fn reply_is_sent_to(queue: &'static str, policy: ReplyTo) -> bool {
    use postage_core::transport::{Properties, Publication, Source};
    let broker = Broker::memory();
    let _serving = broker.serve(Desk::default()).reply_to(policy).await.unwrap();
    broker.declare_queue(&Queue::new(queue)).await.unwrap();
    let body = r#"{"type":"command","name":"quick","category":"rpc","content":{}}"#;
    let mut properties = Properties::default();
    properties.reply_to = Some(queue.into());
    let transport = broker.transport();
    let route = postage_core::Route::new("desk", "desk");
    transport.publish(Publication::new(route, properties, body).mandatory(false)).await.unwrap();
    let source = Source::new(queue).auto_ack(true);
    let mut replies = transport.consume(source).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), replies.next()).await.is_ok()
}
