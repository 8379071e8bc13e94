//! `cargo xtask bench --compile`: what handlers and features cost whoever compiles them.
//!
//! Crates are made up under `target/compile`, with the lock file of this workspace, and built one
//! after the other. Their dependencies are built before the clock starts, but for the clean builds.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::cargo::{cargo, top};
use crate::interrupt::Interrupt;
use crate::run::timed;

/// How many handlers the crates have.
const HANDLERS: [usize; 4] = [1, 10, 100, 1_000];

/// What the quickstart is built with.
const FEATURES: [(&str, &[&str]); 8] = [
    ("no default features", &[]),
    ("default", &["default"]),
    ("tls", &["tls"]),
    ("msgpack", &["msgpack"]),
    ("tower", &["tower"]),
    ("schema", &["schema"]),
    ("metrics", &["metrics"]),
    ("opentelemetry", &["opentelemetry"]),
];

/// Measures handlers, or features, or both; each line is shown as soon as it is known.
pub(crate) fn measure(interrupt: &Interrupt, what: &[&str]) -> Outcome {
    let (handlers, features) = match what {
        [] => (true, true),
        ["handlers"] => (true, false),
        ["features"] => (false, true),
        other => {
            return Err(format!("--compile takes `handlers` or `features`, not {other:?}").into());
        }
    };
    if handlers {
        println!("| handlers | expansion | check | build | release build | release size |");
        println!("| --- | --- | --- | --- | --- | --- |");
        for number in HANDLERS {
            one(interrupt, &format!("compile {number} handlers"), || of_handlers(number))?;
        }
    }
    if features {
        println!("\n| clean build of the quickstart with | crates | check | build |");
        println!("| --- | --- | --- | --- |");
        for (name, features) in FEATURES {
            one(interrupt, &format!("clean build with {name}"), || of_features(name, features))?;
        }
    }
    Ok(())
}

fn one(interrupt: &Interrupt, step: &str, line: impl FnOnce() -> Outcome<String>) -> Outcome {
    if interrupt.asked() {
        return Err("interrupted".into());
    }
    println!("{}", timed(step, line)?);
    Ok(())
}

/// The line of a crate with so many handlers.
fn of_handlers(handlers: usize) -> Outcome<String> {
    let made = Made::new(&format!("handlers-{handlers}"), "handlers", &[], &program(handlers))?;
    if handlers == HANDLERS[0] {
        // What all of them depend on is built here, and the crates themselves below.
        for build in [&["check"][..], &["build"], &["build", "--release"]] {
            made.cargo(build)?;
        }
        made.expansion()?;
    }
    let check = made.again(&["check"])?;
    let build = made.again(&["build"])?;
    let release = made.again(&["build", "--release"])?;
    let size = fs::metadata(made.target().join("release").join(&made.name))?.len();
    let expansion = made.expansion()?;
    Ok(format!(
        "| {handlers} | {expansion} | {:.2} s | {:.2} s | {:.2} s | {:.2} MB |",
        check.as_secs_f64(),
        build.as_secs_f64(),
        release.as_secs_f64(),
        size as f64 / 1e6
    ))
}

/// The line of a clean build with these features.
fn of_features(name: &str, features: &[&str]) -> Outcome<String> {
    let quickstart = fs::read_to_string(top().join("examples/quickstart.rs"))?;
    let program = quickstart.replace("use examples::orders::", "mod orders;\n\nuse orders::");
    let made = Made::new(
        &format!("quickstart-{}", name.replace(' ', "-")),
        "quickstart",
        features,
        &program,
    )?;
    fs::copy(top().join("examples/orders.rs"), made.folder().join("src/orders.rs"))?;
    let clean = |made: &Made, command: &[&str]| -> Outcome<Duration> {
        if made.target().exists() {
            fs::remove_dir_all(made.target())?;
        }
        made.cargo(command)
    };
    let check = clean(&made, &["check"])?;
    let build = clean(&made, &["build"])?;
    let crates = made.crates()?;
    fs::remove_dir_all(made.target())?;
    let (check, build) = (check.as_secs_f64(), build.as_secs_f64());
    Ok(format!("| {name} | {crates} | {check:.1} s | {build:.1} s |"))
}

/// A crate that was made up.
struct Made {
    name: String,
    /// Those of one group share what they depend on.
    group: String,
}

impl Made {
    fn new(name: &str, group: &str, features: &[&str], program: &str) -> Outcome<Self> {
        let made = Self { name: name.to_owned(), group: group.to_owned() };
        let folder = made.folder();
        fs::create_dir_all(folder.join("src"))?;
        fs::copy(top().join("Cargo.lock"), folder.join("Cargo.lock"))?;
        fs::write(folder.join("Cargo.toml"), manifest(name, features))?;
        fs::write(folder.join("src/main.rs"), program)?;
        Ok(made)
    }

    fn folder(&self) -> PathBuf {
        top().join("target/compile").join(&self.name)
    }

    fn target(&self) -> PathBuf {
        top().join("target/compile/target").join(&self.group)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(arguments);
        command.arg("--quiet").arg("--target-dir").arg(self.target()).current_dir(self.folder());
        // What an incremental build costs depends on the change.
        command.env("CARGO_INCREMENTAL", "0").env_remove("RUSTFLAGS");
        command
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome<Duration> {
        let begun = Instant::now();
        let output = self.command(arguments).output()?;
        if output.status.success() {
            return Ok(begun.elapsed());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }

    /// Once more, with the crate itself changed.
    fn again(&self, arguments: &[&str]) -> Outcome<Duration> {
        touch(&self.folder().join("src/main.rs"))?;
        self.cargo(arguments)
    }

    /// How long the compiler expands macros, as it says itself.
    fn expansion(&self) -> Outcome<String> {
        // It says so to nightly's users only; what such a build leaves is of no use to others.
        let apart = Self { name: self.name.clone(), group: "expansion".to_owned() };
        let passes = ["rustc", "--profile", "dev", "--", "-Ztime-passes", "--emit=metadata"];
        let (cargo, rustc) = passes.split_at(3);
        touch(&self.folder().join("src/main.rs"))?;
        let mut command = apart.command(cargo);
        let output = command.env("RUSTC_BOOTSTRAP", "1").args(rustc).output()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let line = said.lines().find(|line| line.ends_with("macro_expand_crate"));
        let seconds = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(seconds.map_or("?".to_owned(), |text| format!("{} s", text.trim_end_matches(';'))))
    }

    /// How many crates are compiled.
    fn crates(&self) -> Outcome<usize> {
        let mut command = cargo(&["tree", "--quiet", "--prefix", "none", "--no-dedupe"]);
        let output =
            command.args(["--edges", "normal,build"]).current_dir(self.folder()).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut crates: Vec<&str> = said.lines().collect();
        crates.sort_unstable();
        crates.dedup();
        Ok(crates.len())
    }
}

fn touch(file: &Path) -> Outcome {
    let text = fs::read(file)?;
    Ok(fs::write(file, text)?)
}

fn manifest(name: &str, features: &[&str]) -> String {
    format!(
        r#"[package]
name = "{name}"
version = "0.0.0"
edition = "2024"

[dependencies]
postage-core = {{ path = "../../../postage-core", default-features = false, features = {features:?} }}
serde = {{ version = "1", features = ["derive"] }}
tokio = {{ version = "1", features = ["macros", "rt", "sync", "time"] }}

[profile.release]
strip = true

[workspace]
"#
    )
}

/// A program with a contract of so many methods, and a service of as many handlers.
fn program(handlers: usize) -> String {
    let (mut methods, mut bodies) = (String::new(), String::new());
    for number in 0..handlers {
        let signature =
            format!("async fn method_{number}(&self, item: &str, quantity: u32) -> u64");
        // Writing to a text does not fail.
        let _ = writeln!(methods, "    /// Method {number}.\n    #[rpc]\n    {signature};");
        let _ = writeln!(bodies, "    {signature} {{ item.len() as u64 + u64::from(quantity) }}");
    }
    format!(
        r#"//! A contract and a service of {handlers} methods.
use postage_core::prelude::*;

#[exchange(name = "many", kind = "direct")]
struct Many;

/// Many methods.
#[producer(exchange = Many, key = "many")]
trait Desk {{
{methods}}}

struct Service;

#[message_processor(exchange = Many, queue = "many", key = "many")]
impl Desk for Service {{
{bodies}}}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {{
    let broker = Broker::memory();
    let serving = broker.serve(Service).await?;
    let client = DeskProducer::new(&broker, Fingerprint::new("many", "client"));
    println!("{{}}", client.method_0("item", 1).await?);
    serving.drain(std::time::Duration::from_secs(1)).await;
    Ok(())
}}
"#
    )
}
