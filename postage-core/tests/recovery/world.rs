//! A service and its callers, over a node of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postage_core::__private as p;
use postage_core::{Broker, Config, Exchange, ExchangeKind, Fingerprint, Producer, Queue, Serving};
use testbed::RabbitMq;
use tokio::task::spawn_blocking;

const DESK: Exchange = Exchange::declared("desk", ExchangeKind::Direct);

/// Counts what it is asked and told.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) asked: AtomicUsize,
    pub(crate) told: AtomicUsize,
}

impl p::MessageProcessor for Desk {
    const NAME: &'static str = "Desk";
    const TABLE: &'static [&'static [p::Method]] = &[&[
        p::Method::rpc("command", "double", "double", &[], "u64"),
        p::Method::message("command", "tell", "tell", &[]),
    ]];

    fn setup() -> p::ServiceSetup {
        p::ServiceSetup::new().bind(DESK, Queue::new("desk"), "desk")
    }

    async fn dispatch<'a>(&'a self, index: usize, request: p::Request<'a>) -> p::Outcome {
        if index == 1 {
            self.told.fetch_add(1, Ordering::SeqCst);
            return request.settle(());
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        match request.parameters::<(u64,)>(&["n"]) {
            Ok((n,)) => request.answer(n * 2).await,
            Err(fault) => request.refuse(fault).await,
        }
    }
}

pub(crate) async fn node() -> RabbitMq {
    spawn_blocking(|| RabbitMq::start().unwrap()).await.unwrap()
}

pub(crate) async fn connect(url: &str) -> Broker {
    Broker::connect_with(Config::new(url)).await.unwrap()
}

pub(crate) async fn serve(broker: &Broker) -> (Arc<Desk>, Serving) {
    let desk = Arc::new(Desk::default());
    let serving = broker.serve(Arc::clone(&desk)).await.unwrap();
    (desk, serving)
}

pub(crate) fn producer(broker: &Broker) -> Producer {
    Producer::new(broker, Fingerprint::new("test", "test")).eks([(DESK, "desk")])
}
