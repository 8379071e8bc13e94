//! Layers on both sides, in one process and without a broker: the service lets in only who has a
//! badge, works on one call at once and sheds the others; the client shows its badge and counts.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use examples::orders::{OrderDesk, OrderDeskProducer, Orders, Refused};
use postage_core::prelude::*;
use postage_core::{FieldValue, Handling, RemoteException, Sending};
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceBuilder};

/// A desk that takes its time: it places an order when it is told to.
#[derive(Clone, Default)]
struct Desk {
    begun: Arc<Notify>,
    go: Arc<Notify>,
}

#[message_processor(exchange = Orders, queue(name = "order-desk", durable = false), key = "orders.#")]
impl OrderDesk for Desk {
    async fn place(&self, _: &str, quantity: u32) -> Result<u64, Refused> {
        self.begun.notify_one();
        self.go.notified().await;
        Ok(4000 + u64::from(quantity))
    }

    async fn restock(&self, _: &str, _: u32) {}
}

/// A layer of one's own: it counts what is sent, by the method's name.
#[derive(Clone, Default)]
struct Count {
    by_name: Arc<Mutex<BTreeMap<String, u32>>>,
}

/// What it wraps another service in.
#[derive(Clone)]
struct Counted<S> {
    inner: S,
    count: Count,
}

impl<S> Layer<S> for Count {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, count: self.clone() }
    }
}

impl<S: Service<Sending>> Service<Sending> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, sending: Sending) -> S::Future {
        let mut counts = self.count.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(sending.name().to_owned()).or_default() += 1;
        drop(counts);
        self.inner.call(sending)
    }
}

/// A layer can also be made of functions: this one lets in who has a badge.
async fn badge(handling: Handling) -> Result<Handling, tower::BoxError> {
    match handling.headers().get("badge") {
        Some(FieldValue::Text(badge)) if badge == "7/12" => Ok(handling),
        _ => Err(RemoteException::new("Forbidden", "show your badge").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::memory();
    let desk = Desk::default();
    // The first is the outermost.
    let layers = ServiceBuilder::new()
        .filter_async(badge)
        .load_shed()
        .concurrency_limit(1)
        .timeout(Duration::from_secs(10));
    let serving = broker.serve(desk.clone()).layer(layers).await?;

    let stranger = OrderDeskProducer::new(&broker, Fingerprint::new("stranger", "front-end"));
    let count = Count::default();
    let shows_badge = tower::util::MapRequestLayer::new(|mut sending: Sending| {
        sending.headers_mut().insert("badge", "7/12");
        sending
    });
    let orders = OrderDeskProducer::new(&broker, Fingerprint::new("shop", "front-end"))
        .with(|producer| producer.layer(shows_badge).layer(count.clone()));

    println!("without a badge:    {}", failed(stranger.place("anvil", 1).await)?);

    let first = tokio::spawn(orders.place("anvil", 2));
    desk.begun.notified().await;
    println!("one too many:       {}", failed(orders.place("anvil", 3).await)?);

    desk.go.notify_one();
    println!("the one in time:    order {} is placed", first.await??);

    orders.restock("anvil", 40).await?;
    let counts = count.by_name.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("sent by the shop:   {counts:?}");

    serving.drain(Duration::from_secs(1)).await;
    Ok(())
}

/// Why a call failed that should.
fn failed(answer: Result<u64, CallError<Refused>>) -> Result<CallError<Refused>, String> {
    answer.err().ok_or_else(|| "expected a refusal".to_owned())
}
