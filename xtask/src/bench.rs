//! `cargo xtask bench`: how fast Postage is beside the same work written by hand.

use std::path::PathBuf;
use std::process::Command;

use testbed::RabbitMq;

use crate::Outcome;
use crate::cargo::{cargo, top};
use crate::compile;
use crate::install;
use crate::interrupt::Interrupt;
use crate::run::{step, timed};

/// The environment variable that tells the benchmark the broker's version.
const BROKER_VERSION: &str = "POSTAGE_BENCH_BROKER_VERSION";

/// The environment variable that has a thousand handlers compiled for the micro-benchmarks.
const THOUSAND: &str = "POSTAGE_BENCH_THOUSAND";

pub(crate) fn bench(options: &[&str]) -> Outcome {
    let interrupt = Interrupt::listen()?;
    match options {
        ["--compile", what @ ..] => compile::measure(&interrupt, what),
        ["--micro", filter @ ..] => micro(&interrupt, filter),
        ["--memory", options @ ..] => alone(&interrupt, "memory", options),
        ["--endurance", options @ ..] => alone(&interrupt, "endurance", options),
        options => against_by_hand(&interrupt, options),
    }
}

/// The micro-benchmarks of these names.
fn micro(interrupt: &Interrupt, filter: &[&str]) -> Outcome {
    let bench = ["bench", "--package", "postage-benches", "--bench", "micro", "--"];
    step("micro-benchmarks", interrupt, cargo(&bench).args(filter).env(THOUSAND, "1"))
}

/// A program that needs no broker.
fn alone(interrupt: &Interrupt, program: &str, options: &[&str]) -> Outcome {
    let built = build(interrupt, program)?;
    step(program, interrupt, Command::new(built).args(options))
}

/// Measures against a broker of its own.
fn against_by_hand(interrupt: &Interrupt, options: &[&str]) -> Outcome {
    let speed = build(interrupt, "speed")?;
    if options.iter().any(|option| matches!(*option, "--help" | "-h")) {
        return step("help", interrupt, Command::new(speed).args(options));
    }
    install::broker(interrupt)?;
    // Dropped on every way out, which stops it.
    let node = timed("start a private RabbitMQ node", || Ok(RabbitMq::start()?))?;
    let mut command = Command::new(speed);
    command.args(options).env(testbed::AMQP_URL, node.url()).env(BROKER_VERSION, node.version());
    step("benchmark", interrupt, &mut command)
}

/// A program of the benchmarks, built for speed. It is run directly, so that it ends when the task
/// does.
fn build(interrupt: &Interrupt, program: &str) -> Outcome<PathBuf> {
    let build = ["build", "--release", "--package", "postage-benches", "--bins"];
    step("build the benchmarks", interrupt, cargo(&build).args(["--target-dir", "target"]))?;
    Ok(top().join("target/release").join(program))
}
