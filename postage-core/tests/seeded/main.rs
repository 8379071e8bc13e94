//! The promises under seeded faults: a thousand short runs in paused time, each with its own faults.
//!
//! A run that breaks a promise prints its seed and what went wrong in it. `POSTAGE_SEED=n` runs that
//! one alone; `POSTAGE_SEEDS=n` runs so many instead of 1,000.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic)]

mod applications;
mod each_fault;
mod ledger;
mod scenario;
mod service;

use std::env;
use std::fmt::Write;

use scenario::Run;

const SEEDS: u64 = 1_000;

/// So many runs that failed are shown in full.
const SHOWN: usize = 3;

#[test]
fn a_thousand_seeds_keep_the_promises() {
    let number = |name| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seeds = match number("POSTAGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("POSTAGE_SEEDS").unwrap_or(SEEDS),
    };
    let mut total = scenario::Tally::default();
    let mut broken = Vec::new();
    for seed in seeds.clone() {
        let run = scenario::run(seed);
        total.add(&run.tally);
        if !run.broken.is_empty() {
            broken.push(run);
        }
    }
    println!("seeds {seeds:?}: {total:?}");
    assert!(broken.is_empty(), "{}", report(&broken));
    // Faults that nothing met would prove nothing, nor would calls that all gave up.
    let calls = total.answered + total.timed_out + total.disconnected;
    assert!(total.faults > 0 && total.answered * 2 > calls, "{total:?}");
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..20 {
        let (first, second) = (scenario::run(seed), scenario::run(seed));
        assert!(!first.log.faults.is_empty(), "seed {seed} has no faults");
        let (log, again) = (&first.log, &second.log);
        assert!(log == again, "seed {seed}:\n{log}\nand then\n{again}");
        assert_eq!(first.tally, second.tally, "seed {seed}");
    }
    assert!(scenario::run(1).log != scenario::run(2).log, "two seeds, one run");
}

fn report(broken: &[Run]) -> String {
    let seeds: Vec<_> = broken.iter().map(|run| run.seed).collect();
    let mut text = format!("{} run(s) broke a promise, seeds {seeds:?}\n", broken.len());
    for run in broken.iter().take(SHOWN) {
        let (seed, plan) = (run.seed, &run.plan);
        let _ = writeln!(text, "\nPOSTAGE_SEED={seed} runs this alone ({plan}):");
        for promise in &run.broken {
            let _ = writeln!(text, "  broken: {promise}");
        }
        let _ = write!(text, "{}", run.log);
    }
    text
}
