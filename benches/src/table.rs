//! The figures as a table to read.

use crate::pair::{Compared, Spread};

const HEAD: [&str; 10] = [
    "case",
    "in flight",
    "bytes",
    "ours/s",
    "by hand/s",
    "throughput",
    "CPU",
    "p50",
    "p99",
    "allocations",
];

/// A table in Markdown. Beside the throughput of both, each column is ours divided by the baseline,
/// with the least and the greatest ratio of a round for the throughput; of latencies and processor
/// time, less is better. Allocations are those of an operation, ours and the baseline's.
#[must_use]
pub fn table(all: &[Compared]) -> String {
    let mut lines = vec![row(&HEAD.map(str::to_owned)), row(&HEAD.map(|_| "---".to_owned()))];
    lines.extend(all.iter().map(line));
    lines.join("\n")
}

fn line(compared: &Compared) -> String {
    let Compared { case, in_flight, payload, ours, baseline, ratio } = compared;
    let Spread { median, min, max } = ratio.ops_per_s;
    row(&[
        (*case).to_owned(),
        in_flight.to_string(),
        payload.to_string(),
        format!("{:.0}", ours.ops_per_s),
        format!("{:.0}", baseline.ops_per_s),
        format!("{median:.2} ({min:.2}–{max:.2})"),
        format!("{:.2} ({:.1}/{:.1} µs)", ratio.cpu_us.median, ours.cpu_us, baseline.cpu_us),
        format!("{:.2} ({:.0}/{:.0} µs)", ratio.p50_us.median, ours.p50_us, baseline.p50_us),
        format!("{:.2} ({:.0}/{:.0} µs)", ratio.p99_us.median, ours.p99_us, baseline.p99_us),
        format!("{:.0}/{:.0}", ours.allocations, baseline.allocations),
    ])
}

fn row<const N: usize>(cells: &[String; N]) -> String {
    format!("| {} |", cells.join(" | "))
}
