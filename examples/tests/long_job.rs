//! `long_job` in one process, with nobody's RabbitMQ.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod built;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn ctrl_c_in_the_middle_cancels_the_call_at_the_service() {
    let mut process = Command::new(built::example("long_job"))
        .env_remove("POSTAGE_URL")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "service: packs the letters");
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest: Vec<_> = lines.collect();
    rest.sort();
    let put_back = "service: nobody wants the letters any more, puts them back";
    assert_eq!(rest, ["client: cancelled", put_back]);
    assert!(process.wait().unwrap().success());
}
