//! Handlers, calls and sends run within `tower` layers.

mod client;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::ready;
use postage_core::prelude::*;
use postage_core::{CallFault, Context as Cx, FieldValue, Serve};
use tower::layer::layer_fn;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _, service_fn};

use crate::world::{Ear, Gate, Place, Voice, World, line, within};

/// So short that a handler at a shut gate is over it.
const SHORT: Duration = Duration::from_millis(30);

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

    #[message_handler]
    async fn refuse(&self, #[context] cx: &Cx) {
        cx.reject("it is of no use");
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
