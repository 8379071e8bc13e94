//! Runs the two scripts.

use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::world::{World, within};

const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/caller.py");
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/server.py");

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
    let mut command = Command::new(testbed::python());
    command.args([CALLER, &testbed::broker_url(), &world.exchange, &world.key]).args(cases);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = within("the caller to end", command.output()).await.expect("python runs");
    assert!(output.status.success(), "the caller failed: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("the caller prints text");
    let seen: Vec<Seen> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for (seen, case) in seen.iter().zip(cases) {
        assert_eq!(seen.case, case);
        assert!(seen.problems.is_empty(), "{case}: {:?} in {:?}", seen.problems, seen.replies);
    }
    seen.try_into().expect("a line for each case")
}

/// A running `server.py`; it ends with this.
pub(crate) struct Server {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts it, and waits until it says that it consumes.
    pub(crate) async fn start(world: &World) -> Self {
        let mut process = Command::new(testbed::python())
            .args([SERVER, &testbed::broker_url(), &world.exchange, &world.queue, &world.key])
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

    /// The next message that it took: its `body` and its `properties`.
    pub(crate) async fn heard(&mut self) -> Value {
        serde_json::from_str(&self.line().await).expect("a line of JSON")
    }

    async fn line(&mut self) -> String {
        let line = within("a line of the server", self.lines.next_line()).await;
        line.expect("its output is text").expect("the server still runs")
    }
}
