//! `cargo xtask test`: every check and test of the workspace.

use std::env;
use std::path::Path;
use std::process::Command;

use testbed::RabbitMq;

use crate::Outcome;
use crate::install;
use crate::interrupt::Interrupt;
use crate::run::{step, timed};

pub(crate) fn test() -> Outcome {
    timed("all checks and tests", || {
        let interrupt = Interrupt::listen()?;
        install::broker(&interrupt)?;
        let python = install::python(&interrupt)?;

        step("format", &interrupt, &mut cargo(&["fmt", "--all", "--check"]))?;
        step(
            "lint",
            &interrupt,
            &mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--all-features",
                "--",
                "-D",
                "warnings",
            ]),
        )?;
        step(
            "lint of the core without its features",
            &interrupt,
            &mut cargo(&[
                "clippy",
                "-p",
                "postage-core",
                "--no-default-features",
                "--",
                "-D",
                "warnings",
            ]),
        )?;
        step(
            "documentation",
            &interrupt,
            cargo(&["doc", "--workspace", "--no-deps", "--all-features"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;

        // Dropped on every way out, which stops it.
        let node = timed("start a private RabbitMQ node", || Ok(RabbitMq::start()?))?;
        eprintln!("xtask: RabbitMQ {} at {}", node.version(), node.url());
        step(
            "tests",
            &interrupt,
            cargo(&["test", "--workspace", "--all-features"])
                .env(testbed::AMQP_URL, node.url())
                .env(testbed::PYTHON, python),
        )
    })
}

/// Cargo, at the workspace's top.
fn cargo(arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}
