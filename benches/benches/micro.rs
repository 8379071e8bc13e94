//! Parts of a call, each beside what it cannot be faster than.

#![allow(clippy::expect_used, reason = "a benchmark that fails has nothing else to say")]
#![allow(missing_docs, reason = "criterion's macros make functions without any")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use postage_benches::baseline::envelope;
use postage_benches::limit::Bare;
use postage_benches::load::{self, Amount};
use postage_benches::memory::InMemory;
use postage_benches::side::Client as _;
use postage_benches::{Error, text};
use postage_core::prelude::*;
use seq_macro::seq;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

const SIZE: usize = 64;

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// A typed call is encoded when it is made; here it is not awaited.
fn encode(c: &mut Criterion) {
    let runtime = one_thread();
    let _entered = runtime.enter();
    let memory = runtime.block_on(InMemory::start()).expect("a service");
    let (client, fingerprint, text) =
        (memory.client(), envelope::Fingerprint::new(), text::numbered(0, SIZE));
    let mut group = c.benchmark_group("encode");
    group.bench_function("ours", |b| b.iter(|| drop(client.echo(black_box(&text)))));
    group.bench_function("serde_json", |b| {
        b.iter(|| envelope::echo(&fingerprint, black_box(&text)).expect("JSON"));
    });
    group.finish();
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parameters: Parameters<'a>,
}

#[derive(Deserialize, Serialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    text: std::borrow::Cow<'a, str>,
}

fn decode(c: &mut Criterion) {
    let body =
        envelope::echo(&envelope::Fingerprint::new(), &text::numbered(0, SIZE)).expect("JSON");
    let mut group = c.benchmark_group("decode");
    group.bench_function("ours", |b| {
        b.iter(|| {
            let message = Message::from_json(black_box(&body)).expect("a message");
            let content: Content<'_> = message.content_as().expect("a command");
            content.parameters.text.len()
        });
    });
    group.bench_function("serde_json", |b| {
        b.iter(|| matches!(envelope::read(black_box(&body)), Ok(envelope::Asked::Echo(_))));
    });
    group.finish();
}

macro_rules! service {
    ($service:ident, $handlers:literal) => {
        struct $service;

        seq!(N in 0..$handlers {
            #[message_processor(queue = "dispatch")]
            impl $service {
                #(
                    #[rpc_handler]
                    async fn handle_~N(&self, text: &str) -> usize {
                        text.len()
                    }
                )*
            }
        });
    };
}

service!(One, 1);
service!(Ten, 10);
service!(Hundred, 100);
#[cfg(thousand)]
service!(Thousand, 1000);

/// A call over the memory transport to the last of so many handlers.
fn dispatch(c: &mut Criterion) {
    let mut group = c.benchmark_group("dispatch");
    to_last(&mut group, One, 1);
    to_last(&mut group, Ten, 10);
    to_last(&mut group, Hundred, 100);
    #[cfg(thousand)]
    to_last(&mut group, Thousand, 1000);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn to_last<S: MessageProcessor>(group: &mut Group<'_>, service: S, handlers: usize) {
    let runtime = one_thread();
    let broker = Broker::memory();
    let _serving = runtime.block_on(async { broker.serve(service).await }).expect("a service");
    let client = Producer::new(&broker, Fingerprint::new("bench", "client"));
    let client = Arc::new(client.eks([(Exchange::new("", ExchangeKind::Direct), "dispatch")]));
    let (name, text) = (format!("handle_{}", handlers - 1), text::numbered(0, SIZE));
    let call = move || {
        let parameters = Parameters { text: text.as_str().into() };
        let call = client.rpc::<usize>(name.clone(), parameters);
        async move { Ok(call.await.map(drop)?) }
    };
    calls(group, &runtime, BenchmarkId::from_parameter(handlers), 1, call);
}

/// A typed call over the memory transport, beside a channel and a oneshot.
fn call(c: &mut Criterion) {
    for (threads, runtime) in [("one thread", one_thread()), ("two threads", two_threads())] {
        let mut group = c.benchmark_group(format!("call in memory, {threads}"));
        group.throughput(Throughput::Elements(1));
        let memory = runtime.block_on(InMemory::start()).expect("a service");
        let bare = Arc::new(runtime.block_on(async { Bare::start() }));
        let text: Arc<str> = text::numbered(0, SIZE).into();
        for in_flight in [1, 64] {
            let (client, sent) = (Arc::clone(memory.client()), Arc::clone(&text));
            let ours = move || {
                let (client, sent) = (Arc::clone(&client), Arc::clone(&sent));
                async move { client.call(&sent).await.map(drop) }
            };
            calls(&mut group, &runtime, BenchmarkId::new("ours", in_flight), in_flight, ours);
            let (bare, sent) = (Arc::clone(&bare), Arc::clone(&text));
            let limit = move || {
                let (bare, sent) = (Arc::clone(&bare), Arc::clone(&sent));
                async move { bare.call(&sent).await.map(drop) }
            };
            calls(&mut group, &runtime, BenchmarkId::new("limit", in_flight), in_flight, limit);
        }
        group.finish();
    }
}

/// Makes calls with so many in flight, and measures the time that one takes of it.
fn calls<W, F>(group: &mut Group<'_>, runtime: &Runtime, id: BenchmarkId, in_flight: usize, work: W)
where
    W: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send,
{
    group.bench_function(id, |b| {
        b.iter_custom(|times| -> Duration {
            let begun = Instant::now();
            let done = load::keep(in_flight, Amount::Operations(times), work.clone());
            runtime.block_on(done).expect("every call is answered");
            begun.elapsed()
        });
    });
}

criterion_group!(benches, encode, decode, dispatch, call);
criterion_main!(benches);
