//! Each case a few hundred times, in all that is shown of it.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use postage_benches::load::Amount;
use postage_benches::pair::{Compared, Pair};
use postage_benches::{case, picture, table};
use serde_json::Value;

const OPERATIONS: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_is_measured_on_both_sides_and_shown() {
    let pair = Pair::connect(&testbed::broker_url()).await.unwrap();
    let mut all = Vec::new();
    for case in case::all() {
        let compared = pair.compare(case, Amount::Operations(OPERATIONS), 1).await;
        all.push(compared.unwrap_or_else(|error| panic!("{case}: {error}")));
    }
    assert_eq!(all.len(), 23);
    let json = serde_json::to_value(&all).unwrap();
    json.as_array().unwrap().iter().for_each(assert_complete);
    assert_eq!(table::table(&all).lines().count(), all.len() + 2);
    assert_is_drawn(&all);
}

fn assert_complete(case: &Value) {
    assert!(case["case"].is_string() && case["in_flight"].is_u64() && case["payload"].is_u64());
    for side in ["ours", "baseline"] {
        for figure in ["ops_per_s", "cpu_us", "p50_us", "p99_us"] {
            let value = case[side][figure].as_f64();
            assert!(value.is_some_and(|value| value > 0.0), "{side} {figure}: {case}");
        }
        assert!(case[side]["allocations"].is_f64(), "{case}");
    }
}

fn assert_is_drawn(all: &[Compared]) {
    let file = std::env::temp_dir().join(format!("postage-bench-{}.svg", std::process::id()));
    picture::draw(&file, all, "3.10.8").unwrap();
    let drawn = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("by hand"), "{drawn}");
}
