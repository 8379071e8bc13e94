//! The numbers of one test.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use metrics::{LocalRecorderGuard, SharedString, Unit};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// The recorder of the process, installed before any test has a broker.
static OF_THE_PROCESS: LazyLock<Snapshotter> = LazyLock::new(|| {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().expect("nobody else installs one");
    drop(postage_core::Broker::memory());
    snapshotter
});

/// What a metric is said to be, by its name.
pub(crate) fn described() -> BTreeMap<String, (Option<Unit>, Option<SharedString>)> {
    let metrics = OF_THE_PROCESS.snapshot().into_vec().into_iter();
    metrics.map(|(key, unit, what, _)| (key.key().name().to_owned(), (unit, what))).collect()
}

pub(crate) struct Recorder(DebuggingRecorder);

impl Recorder {
    pub(crate) fn new() -> Self {
        LazyLock::force(&OF_THE_PROCESS);
        Self(DebuggingRecorder::new())
    }

    /// Records all that this thread does.
    pub(crate) fn listen(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.0)
    }

    /// The counters and gauges since the last time, as lines, and of histograms how many values.
    pub(crate) fn numbers(&self) -> Vec<String> {
        let all = self.0.snapshotter().snapshot().into_vec().into_iter();
        let mut lines: Vec<_> = all
            .map(|(key, _, _, value)| {
                let mut line = key.key().name().to_owned();
                for label in key.key().labels() {
                    line.push_str(&format!(" {}={}", label.key(), label.value()));
                }
                match value {
                    DebugValue::Counter(count) => format!("{line}: {count}"),
                    DebugValue::Gauge(value) => format!("{line}: now {value}"),
                    DebugValue::Histogram(values) => {
                        assert!(values.iter().all(|took| (0.0..60.0).contains(&took.0)), "{line}");
                        format!("{line}: {} values", values.len())
                    }
                }
            })
            .collect();
        lines.sort_unstable();
        lines
    }
}
