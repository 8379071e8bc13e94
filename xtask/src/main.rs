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
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["test"] => steps::test(),
        ["broker"] => broker::serve(),
        [] | ["help", ..] | [.., "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("unknown task or argument: {}\n\n{USAGE}", words.join(" ")).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
