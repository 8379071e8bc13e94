//! `cargo xtask fuzz`: every fuzz target for a stated time.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::cargo::{self, cargo};
use crate::fuzz_log::Log;
use crate::install;
use crate::interrupt::Interrupt;
use crate::run::step;

/// How long each target runs unless told otherwise.
pub(crate) const SECONDS: u32 = 60;

/// Each target, and the dictionary of what it reads.
const TARGETS: [(&str, &str); 5] = [
    ("envelope", "json"),
    ("reply", "json"),
    ("status", "json"),
    ("properties", "amqp"),
    ("frames", "amqp"),
];

/// The bounds of one execution: bytes of input and seconds; and of the process, in megabytes.
const BOUNDS: [&str; 3] = ["-max_len=65536", "-timeout=10", "-rss_limit_mb=1024"];

pub(crate) fn fuzz(seconds: u32) -> Outcome {
    all(&Interrupt::listen()?, seconds)
}

/// Runs all targets, and fails when one has a finding.
pub(crate) fn all(interrupt: &Interrupt, seconds: u32) -> Outcome {
    install::compiler(interrupt)?;
    let cargo_fuzz = install::cargo_fuzz(interrupt)?;
    let lint = [
        "clippy",
        // What is built below is then what the lock file says, too.
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--target-dir",
        "target/fuzz",
    ];
    step(
        "lint of the fuzz targets",
        interrupt,
        cargo(&lint).args(["--", "-D", "warnings"]).env("RUSTFLAGS", "--cfg fuzzing"),
    )?;
    // Without a sanitizer, stable Rust will do; there is no unsafe code for one to watch.
    let build = ["build", "--sanitizer", "none", "--target-dir", "target/fuzz"];
    step(
        "build the fuzz targets",
        interrupt,
        Command::new(cargo_fuzz).args(build).current_dir(cargo::top()),
    )?;
    let mut reports = Vec::new();
    let mut found = Vec::new();
    for (target, dictionary) in TARGETS {
        let report = run(interrupt, target, dictionary, seconds)?;
        found.extend(report.is_finding.then_some(target));
        reports.push(report.text);
    }
    println!("{}", reports.join("\n"));
    match &*found {
        [] => Ok(()),
        found => Err(format!("the fuzzer found something: {}", found.join(", ")).into()),
    }
}

struct Report {
    text: String,
    is_finding: bool,
}

/// Runs one target. Its inputs go to `target/fuzz/corpus`, its findings to `fuzz/artifacts`.
fn run(interrupt: &Interrupt, target: &str, dictionary: &str, seconds: u32) -> Outcome<Report> {
    let top = cargo::top();
    let corpus = top.join("target/fuzz/corpus").join(target);
    let artifacts = top.join("fuzz/artifacts").join(target);
    let log = top.join("target/fuzz").join(format!("{target}.log"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;

    let output = File::create(&log)?;
    let mut command = Command::new(program(target)?);
    command
        .args(BOUNDS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-dict=fuzz/dictionaries/{dictionary}.dict"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1")
        .arg(&corpus)
        .arg(format!("fuzz/seeds/{target}"))
        .current_dir(top)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let ran = step(&format!("fuzz {target} for {seconds} s"), interrupt, &mut command);
    if interrupt.asked() {
        return Err("interrupted".into());
    }
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let read = Log::of(&text);
    let done = format!("{target}: {}", read.done());
    let Err(error) = ran else {
        return Ok(Report { text: format!("{done}, no finding"), is_finding: false });
    };
    let text = match read.input() {
        Some(input) => format!(
            "{done}, FOUND: {}\n  input: {input}\n  reproduce it by: target/tools/bin/cargo-fuzz run \
             --sanitizer none --target-dir target/fuzz {target} {input}\n  all it said: {}",
            read.reason(),
            log.display()
        ),
        None => format!("{done}, {error}\n  all it said: {}", log.display()),
    };
    Ok(Report { text, is_finding: true })
}

/// The target as cargo-fuzz has built it. It is run directly, so that it ends when the task does.
fn program(target: &str) -> Outcome<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let about = Command::new(rustc).arg("-vV").output()?;
    let about = String::from_utf8_lossy(&about.stdout).into_owned();
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`rustc -vV` does not say what host it is for")?;
    Ok(cargo::top().join("target/fuzz").join(host).join("release").join(target))
}
