//! What the tests need of the machine: a RabbitMQ server, and a Python with pika; and what the fuzz
//! targets need: a compiler of C++ for libFuzzer, and cargo-fuzz.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use testbed::RabbitMq;

use crate::Outcome;
use crate::cargo::{cargo, top};
use crate::interrupt::Interrupt;
use crate::run::step;

/// The version of cargo-fuzz that the targets are built with.
const CARGO_FUZZ: &str = "0.13.2";

/// Sees to it that a RabbitMQ server is installed.
pub(crate) fn broker(interrupt: &Interrupt) -> Outcome {
    if RabbitMq::is_installed() {
        return Ok(());
    }
    packages(interrupt, &["rabbitmq-server"])?;
    if RabbitMq::is_installed() {
        return Ok(());
    }
    Err("rabbitmq-server is installed, but its start script is not where it should be".into())
}

/// Sees to it that a Python which can import pika is installed, and names it.
pub(crate) fn python(interrupt: &Interrupt) -> Outcome<String> {
    if let Some(python) = find_python() {
        return Ok(python);
    }
    packages(interrupt, &["python3", "python3-pika"])?;
    find_python().ok_or_else(|| {
        format!(
            "python3-pika is installed, but no Python of {:?} can import pika",
            candidates().collect::<Vec<_>>()
        )
        .into()
    })
}

/// Sees to it that C++ can be compiled.
pub(crate) fn compiler(interrupt: &Interrupt) -> Outcome {
    if env::var_os("CXX").is_some() || succeeds(Command::new("c++").arg("--version")) {
        return Ok(());
    }
    packages(interrupt, &["g++"])
}

/// Sees to it that cargo-fuzz is there, under `target/`, and says where.
pub(crate) fn cargo_fuzz(interrupt: &Interrupt) -> Outcome<PathBuf> {
    let root = top().join("target/tools");
    let program = root.join("bin/cargo-fuzz");
    let version = Command::new(&program).arg("--version").output();
    let wanted = format!("cargo-fuzz {CARGO_FUZZ}");
    if !version.is_ok_and(|said| said.stdout.trim_ascii() == wanted.as_bytes()) {
        let install = ["install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked", "--force"];
        step(&format!("install {wanted}"), interrupt, cargo(&install).arg("--root").arg(root))?;
    }
    Ok(program)
}

fn candidates() -> impl Iterator<Item = String> {
    let chosen = env::var(testbed::PYTHON).ok();
    chosen.into_iter().chain(["python3".to_owned(), "/usr/bin/python3".to_owned()])
}

fn find_python() -> Option<String> {
    candidates().find(|python| succeeds(Command::new(python).args(["-c", "import pika"])))
}

/// Installs packages by apt-get, where this machine has it and we may.
fn packages(interrupt: &Interrupt, names: &[&str]) -> Outcome {
    let list = names.join(" ");
    let prefix = privilege().ok_or_else(|| {
        format!(
            "the tests need {list}, and this user may not install them here; \
             install them first, on Debian by: sudo apt-get install {list}"
        )
    })?;
    let apt = |arguments: &[&str]| {
        let mut words = prefix.iter().copied().chain(["apt-get"]);
        let mut command = Command::new(words.next().unwrap_or("apt-get"));
        // Standard output is for what a task answers.
        command.args(words).args(arguments).stdin(Stdio::null()).stdout(std::io::stderr());
        command
    };
    step("apt-get update", interrupt, &mut apt(&["update", "-q"]))?;
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    step(&format!("apt-get install {list}"), interrupt, apt(&install).args(names))
}

/// What to put before `apt-get` to run it with the right to install; `None` without that right.
fn privilege() -> Option<&'static [&'static str]> {
    const QUIETLY: &str = "DEBIAN_FRONTEND=noninteractive";
    if !succeeds(Command::new("apt-get").arg("--version")) {
        None
    } else if is_root() {
        Some(&["env", QUIETLY])
    } else if succeeds(Command::new("sudo").args(["-n", "true"])) {
        Some(&["sudo", "-n", "env", QUIETLY])
    } else {
        None
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
