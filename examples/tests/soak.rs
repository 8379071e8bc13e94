//! The soak program, against a RabbitMQ that is killed under it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod built;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use testbed::RabbitMq;

/// A soak that runs. It is killed when this is dropped.
struct Soak {
    process: Child,
    output: ChildStdout,
    news: BufReader<std::process::ChildStderr>,
}

impl Soak {
    fn start(url: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(built::example("soak"))
            .args(arguments)
            .env("POSTAGE_URL", url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stdout.take().unwrap();
        let news = BufReader::new(process.stderr.take().unwrap());
        Self { process, output, news }
    }

    /// Waits for a line on standard error with this in it.
    fn says(&mut self, wanted: &str) {
        let mut said = String::new();
        for line in self.news.by_ref().lines() {
            let line = line.unwrap();
            if line.contains(wanted) {
                return;
            }
            said += &format!("{line}\n");
        }
        panic!("it ended and did not say `{wanted}`, but:\n{said}");
    }

    /// The exit code, and what is on standard output.
    fn end(mut self) -> (Option<i32>, String) {
        // Read to its end, so that the program need not wait for a reader.
        let mut said = String::new();
        self.news.read_to_string(&mut said).unwrap();
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        let status = self.process.wait().unwrap();
        // Shown when the test fails.
        eprintln!("{said}{output}");
        (status.code(), output)
    }
}

impl Drop for Soak {
    fn drop(&mut self) {
        // An error says that it has ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The one line of standard output.
fn report(output: &str) -> Value {
    assert_eq!(output.lines().count(), 1, "{output}");
    serde_json::from_str(output).unwrap()
}

#[test]
fn no_promise_breaks_while_the_broker_is_killed_and_started_again() {
    let mut node = RabbitMq::start().unwrap();
    let mut soak =
        Soak::start(&node.url(), &["--seconds", "15", "--sends", "300", "--calls", "300"]);
    soak.says("after 5 s");
    node.kill();
    node.restart().unwrap();
    let (code, output) = soak.end();
    let report = report(&output);
    for promised in ["lost", "left", "handled_twice", "wrong_answers", "executed_twice", "overdue"]
    {
        assert_eq!(report[promised], 0, "{promised}");
    }
    assert!(report["reconnects"].as_u64().unwrap() >= 1);
    let handled = report["handled"].as_u64().unwrap();
    assert!(handled >= report["sends_confirmed"].as_u64().unwrap());
    assert!(handled > 0 && report["calls_answered"].as_u64().unwrap() > 0);
    assert_eq!(code, Some(0));
}

#[test]
fn told_to_end_it_ends_early_with_its_line() {
    let mut soak = Soak::start(&testbed::broker_url(), &["--seconds", "600", "--services", "2"]);
    soak.says("begins");
    let told = Command::new("kill").arg(soak.process.id().to_string()).status().unwrap();
    assert!(told.success());
    let (code, output) = soak.end();
    assert_eq!(report(&output)["lost"], 0);
    assert_eq!(code, Some(0));
}

#[test]
fn what_it_cannot_do_is_told_apart_by_the_exit_code() {
    let nobody = "amqp://127.0.0.1:1";
    for arguments in [&["--sends", "many"][..], &["--services", "65"], &["--seconds", "1"]] {
        let (code, output) = Soak::start(nobody, arguments).end();
        assert_eq!((code, output.as_str()), (Some(2), ""), "{arguments:?}");
    }
}
