//! The spans of one test, waited for and drawn.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

/// Longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// What this process exports, and how many spans that is by now.
struct Exported {
    spans: InMemorySpanExporter,
    count: watch::Sender<usize>,
}

static EXPORTED: LazyLock<Exported> = LazyLock::new(|| {
    let exported =
        Exported { spans: InMemorySpanExporter::default(), count: watch::Sender::new(0) };
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exported.spans.clone())
        // After the exporter: who is told finds the span there.
        .with_span_processor(Counting(exported.count.clone()))
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .expect("nobody else sets one");
    // It ends with the process.
    std::mem::forget(provider);
    exported
});

#[derive(Debug)]
struct Counting(watch::Sender<usize>);

impl SpanProcessor for Counting {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, _: SpanData) {
        self.0.send_modify(|count| *count += 1);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Waits until this is found among the spans that have ended.
pub(crate) async fn found<T>(what: &str, find: impl Fn(&[SpanData]) -> Option<T>) -> T {
    let mut count = EXPORTED.count.subscribe();
    let found = async {
        loop {
            count.borrow_and_update();
            let spans = EXPORTED.spans.get_finished_spans().expect("they are in memory");
            if let Some(found) = find(&spans) {
                return found;
            }
            count.changed().await.expect("the sender is static");
        }
    };
    timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no {what}"))
}

/// The trace that begins with a test.
pub(crate) struct Trace {
    root: Span,
    id: TraceId,
}

impl Trace {
    pub(crate) fn begin() -> Self {
        LazyLock::force(&EXPORTED);
        let root = tracing::info_span!("test");
        let id = root.context().span().span_context().trace_id();
        assert_ne!(id, TraceId::INVALID);
        Self { root, id }
    }

    pub(crate) const fn id(&self) -> TraceId {
        self.id
    }

    /// Does something as a part of the trace.
    pub(crate) fn of<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.instrument(self.root.clone())
    }

    /// The spans of the trace, but for the test's own, when there are so many.
    pub(crate) async fn spans(&self, count: usize) -> Spans {
        let id = self.id;
        found(&format!("trace of {count} spans"), |spans| {
            let of_it = spans.iter().filter(|span| span.span_context.trace_id() == id);
            let spans: Vec<_> = of_it.cloned().collect();
            (spans.len() >= count).then_some(Spans(spans))
        })
        .await
    }
}

pub(crate) struct Spans(Vec<SpanData>);

impl Spans {
    /// The trace as a tree: kind and name of each span, its children further to the right.
    pub(crate) fn tree(&self) -> String {
        let ids: Vec<_> = self.0.iter().map(|span| span.span_context.span_id()).collect();
        let mut tops: Vec<_> =
            self.0.iter().filter(|span| !ids.contains(&span.parent_span_id)).collect();
        tops.sort_by_key(|span| span.start_time);
        // Children of the test's own span, which has not ended.
        tops.windows(2).for_each(|two| assert_eq!(two[0].parent_span_id, two[1].parent_span_id));
        let mut drawn = String::new();
        tops.into_iter().for_each(|top| self.draw(top, 0, &mut drawn));
        drawn
    }

    fn draw(&self, span: &SpanData, depth: usize, drawn: &mut String) {
        let kind = format!("{:?}", span.span_kind).to_lowercase();
        drawn.push_str(&format!("{:width$}{kind} {}\n", "", span.name, width = depth * 2));
        let mut below: Vec<_> = self.children(span.span_context.span_id()).collect();
        below.sort_by_key(|span| span.start_time);
        below.into_iter().for_each(|span| self.draw(span, depth + 1, drawn));
    }

    fn children(&self, of: SpanId) -> impl Iterator<Item = &SpanData> {
        self.0.iter().filter(move |span| span.parent_span_id == of)
    }

    /// The only one of this kind and name.
    #[track_caller]
    pub(crate) fn one(&self, kind: &SpanKind, name: &str) -> &SpanData {
        let of_it = |span: &&SpanData| span.span_kind == *kind && span.name == name;
        let found: Vec<_> = self.0.iter().filter(of_it).collect();
        let [one] = found[..] else { panic!("{} of {kind:?} {name}", found.len()) };
        one
    }

    pub(crate) fn all(&self) -> &[SpanData] {
        &self.0
    }
}

/// A span's attribute, as a text; empty where it has none.
pub(crate) fn attribute(span: &SpanData, name: &str) -> String {
    let named = |pair: &&KeyValue| pair.key.as_str() == name;
    let mut found = span.attributes.iter().filter(named);
    let value = found.next().map(|pair| pair.value.to_string()).unwrap_or_default();
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

/// The text of a span's error, where it has failed.
pub(crate) fn error(span: &SpanData) -> Option<&str> {
    match &span.status {
        Status::Error { description } => Some(description),
        _ => None,
    }
}
