//! `cargo xtask test`: every check and test of the workspace.

use testbed::RabbitMq;

use crate::Outcome;
use crate::cargo::cargo;
use crate::fuzz;
use crate::install;
use crate::interrupt::Interrupt;
use crate::run::{step, timed};

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// What one waits for at each change.
    Short,
    /// Tests in their long form, and the fuzz targets after them.
    Long,
}

/// The environment variable that tells the tests to take their long form.
const LONG_TESTS: &str = "POSTAGE_LONG_TESTS";

pub(crate) fn test(form: Form) -> Outcome {
    timed("all checks and tests", || {
        let interrupt = Interrupt::listen()?;
        install::broker(&interrupt)?;
        let python = install::python(&interrupt)?;

        // Else a dependency that is added without it would come to light in the long form only.
        step(
            "lock file of the fuzz targets",
            &interrupt,
            &mut cargo(&["fetch", "--locked", "--manifest-path", "fuzz/Cargo.toml"]),
        )?;
        step("format", &interrupt, &mut cargo(&["fmt", "--all", "--check"]))?;
        step(
            "format of the fuzz targets",
            &interrupt,
            &mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]),
        )?;
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
        let mut tests = cargo(&["test", "--workspace", "--all-features"]);
        tests.env(testbed::AMQP_URL, node.url()).env(testbed::PYTHON, python);
        match form {
            Form::Short => step("tests", &interrupt, tests.env_remove(LONG_TESTS)),
            Form::Long => {
                step("tests in their long form", &interrupt, tests.env(LONG_TESTS, "1"))?;
                drop(node);
                fuzz::all(&interrupt, fuzz::SECONDS)
            }
        }
    })
}
