//! The tasks of the workspace, run by `cargo xtask <task>`.

mod broker;
mod install;
mod interrupt;
mod run;
mod steps;

use std::env;
use std::error::Error;
use std::process::ExitCode;

/// What a task ends with: any error, told on standard error.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo xtask <task>

  test     pass all checks and tests, against a private RabbitMQ node
           (installs rabbitmq-server and python3-pika where it may)
  broker   run a private RabbitMQ node until Ctrl-C; its address goes to standard output";

fn main() -> ExitCode {
    let task = env::args().nth(1);
    let outcome = match task.as_deref() {
        Some("test") => steps::test(),
        Some("broker") => broker::serve(),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
