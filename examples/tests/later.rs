//! `later`, as processes on a RabbitMQ of their own: the shop is killed, and finds its answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod built;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use testbed::RabbitMq;

/// Longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program, and what it prints. It is killed when this is dropped.
struct Process {
    process: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(url: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(built::example("later"))
            .args(arguments)
            .env("POSTAGE_URL", url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        // It ends with the process.
        thread::spawn(move || {
            printed.lines().map_while(Result::ok).try_for_each(|line| sender.send(line).ok())
        });
        Self { process, lines }
    }

    /// Waits until it prints a line that has this part.
    fn prints(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE).expect(part);
            if line.contains(part) {
                return line;
            }
        }
    }

    /// By SIGKILL: it has no time to say anything.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error says that it has ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_shop_that_was_killed_finds_the_answers_to_its_orders_when_it_is_started_again() {
    let node = RabbitMq::start().unwrap();
    let url = node.url();
    let desk = Process::start(&url, &["desk"]);
    desk.prints("the desk is open");
    desk.kill();

    // Neither is there when the other is.
    for item in ["anvil", "unicorn"] {
        let shop = Process::start(&url, &["shop", "--order", item]);
        shop.prints(&format!("{item}: ordered, as call "));
        shop.kill();
    }
    let desk = Process::start(&url, &["desk"]);
    // Both at once, so either may be the first.
    let orders = BTreeSet::from([desk.prints("an order: "), desk.prints("an order: ")]);
    assert_eq!(orders, ["an order: 2 anvil", "an order: 2 unicorn"].map(str::to_owned).into());

    let shop = Process::start(&url, &["shop"]);
    let is_answer = |line: &String| !line.ends_with("the desk has the order");
    let answers = std::iter::from_fn(|| Some(shop.prints(": "))).filter(is_answer);
    let answers: BTreeSet<_> = answers.take(2).collect();
    let wanted = ["anvil: it is order 4021", "unicorn: refused, no such item"];
    assert_eq!(answers, wanted.map(str::to_owned).into());

    // Killed while its order is worked on.
    shop.kill();
    let shop = Process::start(&url, &["shop", "--order", "hammer"]);
    shop.prints("hammer: the desk has the order");
    shop.kill();
    let shop = Process::start(&url, &["shop"]);
    assert_eq!(shop.prints("hammer: it is"), "hammer: it is order 4021");
}
