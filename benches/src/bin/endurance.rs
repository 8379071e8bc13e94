//! Millions of calls over the memory transport, and the memory that this process has meanwhile:
//! `cargo xtask bench --endurance`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use postage_benches::Error;
use postage_benches::load::{self, Amount};
use postage_benches::memory::InMemory;
use postage_benches::options;
use postage_benches::side::Client;
use postage_benches::text;

const HELP: &str = "\
Makes calls over the memory transport, and fails when memory grows.

  --calls N   how many, 10,000,000 unless told
  --help      shows this";

const CALLS: u64 = 10_000_000;
const IN_FLIGHT: usize = 64;
/// How many are made in one go. Their latencies are collected, which is not to count: those of 500,000
/// calls are 8 MB.
const AT_ONCE: u64 = 10_000;
/// How often memory is looked at.
const LOOKS: u64 = 20;
/// From which of these looks on memory may not grow: by then what a service remembers is full.
const SETTLED: usize = 4;
/// By how much it may differ then.
const MOST_GROWTH: f64 = 1.05;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("endurance: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let Some(calls) = options::number("calls", CALLS)? else {
        println!("{HELP}");
        return Ok(());
    };
    let memory = InMemory::start().await?;
    let text: Arc<str> = text::numbered(0, 64).into();
    let (begun, each) = (Instant::now(), calls.div_ceil(LOOKS));
    let mut looks = vec![resident()?];
    println!("| calls | resident, kB |\n| --- | --- |\n| 0 | {} |", looks[0]);
    for look in 1..=LOOKS {
        let (client, text) = (Arc::clone(memory.client()), Arc::clone(&text));
        let call = move || {
            let (client, text) = (Arc::clone(&client), Arc::clone(&text));
            async move { client.call(&text).await.map(drop) }
        };
        let mut left = each;
        while left > 0 {
            let now = left.min(AT_ONCE);
            load::keep(IN_FLIGHT, Amount::Operations(now), call.clone()).await?;
            left -= now;
        }
        looks.push(resident()?);
        println!("| {} | {} |", each * look, looks[looks.len() - 1]);
    }
    println!("\n{:.0} calls a second", calls as f64 / begun.elapsed().as_secs_f64());
    let settled = &looks[SETTLED..];
    let (first, most) = (settled[0], settled.iter().copied().max().unwrap_or_default());
    if most as f64 > first as f64 * MOST_GROWTH {
        return Err(format!("memory grew from {first} kB to {most} kB").into());
    }
    Ok(())
}

/// The memory that this process has, in kilobytes.
fn resident() -> Result<u64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("the system does not say how much memory there is")?.parse()?)
}
