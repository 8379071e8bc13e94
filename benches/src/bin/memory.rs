//! Calls over the memory transport beside a channel and a oneshot, both in turn:
//! `cargo xtask bench --memory`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use postage_benches::Error;
use postage_benches::limit::Bare;
use postage_benches::load::{self, Amount};
use postage_benches::memory::InMemory;
use postage_benches::options;
use postage_benches::pair::Spread;
use postage_benches::side::Client;
use postage_benches::text;
use tokio::runtime::{Builder, Runtime};

const HELP: &str = "\
Measures calls over the memory transport, beside a channel and a oneshot with the same messages.

  --rounds N   how many, 41 unless told
  --help       shows this";

const ROUNDS: u64 = 41;
/// How many calls a round makes on each side.
const CALLS: u64 = 20_000;
const THREADS: [usize; 2] = [1, 2];
const IN_FLIGHT: [usize; 2] = [1, 64];
const SIZE: usize = 64;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let Some(rounds) = options::number("rounds", ROUNDS)? else {
        println!("{HELP}");
        return Ok(());
    };
    if rounds == 0 {
        return Err("`--rounds` is at least 1".into());
    }
    println!("rounds: {rounds}; medians, in microseconds a call\n");
    println!("| threads | in flight | Postage | channel and oneshot | times |");
    println!("| --- | --- | --- | --- | --- |");
    for threads in THREADS {
        let runtime = runtime(threads)?;
        let memory = runtime.block_on(InMemory::start())?;
        let bare = Arc::new(runtime.block_on(async { Bare::start() }));
        for in_flight in IN_FLIGHT {
            let (ours, limit, ratio) = compare(&runtime, &memory, &bare, in_flight, rounds)?;
            let Spread { median, min, max } = ratio;
            println!(
                "| {threads} | {in_flight} | {:.2} | {:.2} | {median:.2} ({min:.2}–{max:.2}) |",
                ours.median, limit.median
            );
        }
    }
    Ok(())
}

/// Both in turn: what a call takes with ours and with the limit, and the ratio of the two.
fn compare(
    runtime: &Runtime,
    memory: &InMemory,
    bare: &Arc<Bare>,
    in_flight: usize,
    rounds: u64,
) -> Result<(Spread, Spread, Spread), Error> {
    let text: Arc<str> = text::numbered(0, SIZE).into();
    let ours = || {
        let (client, text) = (Arc::clone(memory.client()), Arc::clone(&text));
        measure(runtime, in_flight, move || {
            let (client, text) = (Arc::clone(&client), Arc::clone(&text));
            async move { answered(&client.call(&text).await?, &text) }
        })
    };
    let limit = || {
        let (bare, text) = (Arc::clone(bare), Arc::clone(&text));
        measure(runtime, in_flight, move || {
            let (bare, text) = (Arc::clone(&bare), Arc::clone(&text));
            async move { answered(&bare.call(&text).await?, &text) }
        })
    };
    // What a service remembers is full then, and all memory is there that will be needed.
    (0..10).try_for_each(|_| ours().and(limit()).map(drop))?;
    let mut taken = Vec::new();
    for round in 0..rounds {
        // Who begins changes with each.
        taken.push(if round % 2 == 0 {
            (ours()?, limit()?)
        } else {
            let limit = limit()?;
            (ours()?, limit)
        });
    }
    let each = |figure: fn(&(f64, f64)) -> f64| Spread::of(taken.iter().map(figure));
    Ok((each(|(ours, _)| *ours), each(|(_, limit)| *limit), each(|(ours, limit)| ours / limit)))
}

fn answered(answer: &str, asked: &str) -> Result<(), Error> {
    if answer == asked { Ok(()) } else { Err("a call was answered with another text".into()) }
}

/// What one call takes of the time, in microseconds, with two looks at the clock and its place in a list
/// on either side.
fn measure<W, F>(runtime: &Runtime, in_flight: usize, call: W) -> Result<f64, Error>
where
    W: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send,
{
    let begun = Instant::now();
    runtime.block_on(load::keep(in_flight, Amount::Operations(CALLS), call))?;
    Ok(begun.elapsed().as_secs_f64() * 1e6 / CALLS as f64)
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        many => Builder::new_multi_thread().worker_threads(many).enable_all().build(),
    }
}
