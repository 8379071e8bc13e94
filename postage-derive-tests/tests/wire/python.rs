//! Runs the scripts.

use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::world::{World, within};

const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/caller.py");
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/server.py");
const OPERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/app_operator.py");
const APPLICATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/application.py");

/// What the caller saw of one case.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) case: String,
    /// The replies, as JSON.
    pub(crate) replies: Vec<Value>,
    /// What was wrong with their form, or with the service.
    problems: Vec<String>,
}

impl Seen {
    /// The content of the only reply.
    #[track_caller]
    pub(crate) fn content(&self) -> &Value {
        assert_eq!(self.replies.len(), 1, "{self:?}");
        &self.replies[0]["content"]
    }

    /// The name and the text of the exception that was the only reply.
    #[track_caller]
    pub(crate) fn exception(&self) -> (&str, &str) {
        let content = self.content();
        assert_eq!(content["type"], "exception", "{self:?}");
        let text = |key: &str| content[key].as_str().expect("a text");
        (text("value"), text("message"))
    }
}

/// Sends these cases of `caller.py` one after the other. Replies of a wrong form, and a service
/// that does not answer after a case, fail the test here.
pub(crate) async fn call<const N: usize>(world: &World, cases: [&str; N]) -> [Seen; N] {
    let seen = seen(&[CALLER, &testbed::broker_url(), &world.exchange, &world.key], &cases).await;
    seen.try_into().expect("a line for each case")
}

/// Gives these orders to `app_operator.py`, one after the other. Replies of a wrong form, too few of
/// them, and queues that it may not declare fail the test here.
pub(crate) async fn operate<const N: usize>(orders: [&str; N]) -> [Seen; N] {
    let seen = seen(&[OPERATOR, &testbed::broker_url()], &orders).await;
    seen.try_into().expect("a line for each order")
}

/// What a script saw of each case.
async fn seen(script: &[&str], cases: &[&str]) -> Vec<Seen> {
    let mut command = Command::new(testbed::python());
    command.args(script).args(cases);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = within("the script to end", command.output()).await.expect("python runs");
    assert!(output.status.success(), "{script:?} failed: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let seen: Vec<Seen> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for (seen, case) in seen.iter().zip(cases) {
        assert_eq!(seen.case, *case);
        assert!(seen.problems.is_empty(), "{case}: {:?} in {:?}", seen.problems, seen.replies);
    }
    seen
}

/// A running `server.py` or `application.py`; it ends with this.
pub(crate) struct Server {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts `server.py`, and waits until it says that it consumes.
    pub(crate) async fn start(world: &World) -> Self {
        Self::run(SERVER, &[&world.exchange, &world.queue, &world.key]).await
    }

    /// Starts `application.py`, and waits until it says that it consumes.
    pub(crate) async fn application(name: &str, pid: &str, host: &str, group: &str) -> Self {
        Self::run(APPLICATION, &[name, pid, host, group]).await
    }

    async fn run(script: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(testbed::python())
            .args([script, &testbed::broker_url()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python runs");
        let output = process.stdout.take().expect("its output is ours");
        let mut server = Self { _process: process, lines: BufReader::new(output).lines() };
        assert_eq!(server.line().await, "ready");
        server
    }

    /// The next message that it has dealt with, or, for `server.py`, takes: its `body` and its `properties`.
    pub(crate) async fn heard(&mut self) -> Value {
        serde_json::from_str(&self.line().await).expect("a line of JSON")
    }

    async fn line(&mut self) -> String {
        let line = within("a line of the server", self.lines.next_line()).await;
        line.expect("its output is text").expect("the server still runs")
    }
}
