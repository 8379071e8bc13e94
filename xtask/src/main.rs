//! The tasks of the workspace, run by `cargo xtask <task>`.

mod bench;
mod broker;
mod cargo;
mod compile;
mod fuzz;
mod fuzz_log;
mod install;
mod interrupt;
mod run;
mod steps;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use steps::Form;

/// What a task ends with: any error, told on standard error.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo xtask <task>

  test [--long]        pass all checks and tests, against a private RabbitMQ node
                       (installs rabbitmq-server and python3-pika where it may);
                       --long: tests in their long form, then the fuzz targets
  fuzz [--seconds N]   run each fuzz target for so long, 60 s unless told
                       (installs cargo-fuzz under target/, and g++ where it may)
  bench [OPTION ..]    measure the speed beside the same work written by hand, as
                       benches/README.md says; bench --help shows the options
  broker               run a private RabbitMQ node until Ctrl-C; its address goes to
                       standard output";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["test"] => steps::test(Form::Short),
        ["test", "--long"] => steps::test(Form::Long),
        ["fuzz"] => fuzz::fuzz(fuzz::SECONDS),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            Ok(seconds @ 1..) => fuzz::fuzz(seconds),
            _ => Err(format!("--seconds takes a number from 1, not `{seconds}`").into()),
        },
        ["bench", ref options @ ..] => bench::bench(options),
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
