//! Attributes on a contract's and a service's methods.

use super::*;

mod watched {
    use super::*;

    #[producer(exchange = Odd, key = "attributes")]
    pub trait Watched {
        #[rpc]
        async fn watched(&self, number: u32) -> u32;

        #[doc(hidden)]
        #[rpc]
        async fn early(&self, number: u32) -> u32;

        #[deprecated(note = "ask `watched`")]
        #[must_use]
        #[rpc]
        async fn old(&self, number: u32) -> u32;

        #[cfg(any())]
        #[rpc]
        async fn never(&self, #[allow(unused)] absent: Absent) -> Absent;

        #[cfg(not(any()))]
        #[rpc]
        async fn always(&self) -> u32;
    }

    #[derive(Default)]
    pub struct Watcher {
        pub last: AtomicU32,
    }

    #[message_processor(exchange = Odd, queue = "attributes", key = "attributes")]
    impl Watched for Watcher {
        #[tracing::instrument(skip(self, cx), fields(sender = ?cx.fingerprint()))]
        async fn watched(&self, #[context] cx: &Context, number: u32) -> u32 {
            self.last.store(number, Ordering::SeqCst);
            number
        }

        #[tracing::instrument(skip_all)]
        async fn early(&self, #[reply] answer: Reply<'_, u32>, #[expect(unused)] number: u32) {
            let _ = answer.send(self.last.load(Ordering::SeqCst)).await;
        }

        async fn old(&self, number: u32) -> u32 {
            number
        }

        #[cfg(any())]
        async fn never(&self, #[context] _: &Context, absent: Absent) -> Absent {
            absent
        }

        #[cfg(not(any()))]
        async fn always(&self, #[context] _: &Context) -> u32 {
            1
        }

        #[cfg(any())]
        #[rpc_handler]
        async fn beyond(&self, absent: Absent) -> Absent {
            absent
        }

        #[deprecated]
        #[rpc_handler]
        #[inline]
        #[cfg_attr(all(), tracing::instrument(skip(self)))]
        async fn older(&self, number: u32) -> u32 {
            number
        }
    }
}

/// Counts the spans that are made.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<&'static str>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        if attributes.metadata().target() == "odd::attributes::watched" {
            self.0.lock().unwrap().push(attributes.metadata().name());
        }
    }
}

#[tokio::test]
async fn an_attribute_macro_runs_once_on_the_method_with_the_body() {
    use tracing_subscriber::layer::SubscriberExt as _;
    use watched::{Watched as _, WatchedProducer, Watcher};
    let spans = Spans::default();
    let seen = || std::mem::take(&mut *spans.0.lock().unwrap()).len();
    let _logging =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));

    let watcher = Watcher::default();
    assert_eq!(watcher.watched(4).await, 4);
    assert_eq!(seen(), 1);
    assert_eq!(watcher.early(5).await, 4);
    assert_eq!(seen(), 1);

    let (broker, _serving) = serve(watcher).await;
    let client = WatchedProducer::new(&broker, us());
    assert_eq!(client.watched(6).await.unwrap(), 6);
    assert_eq!(seen(), 1);
    assert_eq!(client.early(7).await.unwrap(), 6);
    assert_eq!(client.always().await.unwrap(), 1);
    #[expect(deprecated, reason = "it is")]
    let old = client.old(1);
    assert_eq!(old.await.unwrap(), 1);
    let older = client.producer().rpc::<u32>("older", json!({ "number": 8 })).await;
    assert_eq!(older.unwrap(), 8);
}
