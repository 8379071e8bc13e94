//! A transport that breaks its word: a service that loses a queue by it says so, and does not go on
//! with the others only.

use std::task::{Context as TaskContext, Poll};

use postage_core::prelude::*;
use postage_core::transport::{
    BoxFuture, ConnectionState, Deliveries, Delivery, MemoryTransport, Publication, Source,
    Subscription, Transport, TransportError,
};
use postage_core::{Binding, Stopped};
use tokio::sync::watch;

use crate::world::{DEADLINE, Voice, line, within};

struct Listener {
    voice: Voice,
}

#[message_processor(queue = "sound", bind(queue = "broken"))]
impl Listener {
    #[message_handler]
    async fn hear(&self, word: &str) {
        self.voice.say(word.to_owned());
    }
}

/// What becomes of the subscription to the queue `broken`.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Ends,
    Panics,
}

/// The memory transport, but for one queue.
#[derive(Debug)]
struct Faulty {
    inner: MemoryTransport,
    fate: Fate,
}

impl Deliveries for Fate {
    fn poll_next(
        &mut self,
        _: &mut TaskContext<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>> {
        match self {
            Self::Ends => Poll::Ready(Ok(None)),
            Self::Panics => panic!("the transport is on fire"),
        }
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Transport for Faulty {
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.declare_exchange(exchange)
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        self.inner.declare_queue(queue)
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.delete_queue(queue)
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.bind(binding)
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.unbind(binding)
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        self.inner.publish(publication)
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        match &*source.queue {
            "broken" => Box::pin(async { Ok(Subscription::new(self.fate)) }),
            _ => self.inner.consume(source),
        }
    }

    fn vhost(&self) -> &str {
        self.inner.vhost()
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.inner.state()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        self.inner.close()
    }
}

/// Why a service stops whose queue `broken` has this fate.
async fn why(fate: Fate) -> String {
    let broker = Broker::over(Faulty { inner: MemoryTransport::new(), fate });
    let serve = broker.serve(Listener { voice: line().0 });
    let serving = within("the service", serve.into_future()).await.expect("it is served");
    let stopped = within("the end", serving.stopped()).await;
    let Stopped::Failed(error @ TransportError::ConsumerCancelled { .. }) = stopped else {
        panic!("{stopped:?}");
    };
    // The other queue is let go too.
    within("the drain", serving.drain(DEADLINE)).await;
    error.to_string()
}

#[tokio::test]
async fn a_queue_that_ends_untold_fails_the_service() {
    let why = why(Fate::Ends).await;
    assert!(why.contains("`broken`") && why.contains("delivers no more"), "{why}");
}

#[tokio::test]
async fn a_queue_whose_loop_panics_fails_the_service() {
    let why = why(Fate::Panics).await;
    assert!(why.contains("`broken`") && why.contains("the transport is on fire"), "{why}");
}
