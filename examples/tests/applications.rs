//! `application` and `who`, as processes on a RabbitMQ of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod built;

use std::future::IntoFuture;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use examples::monitor::MonitorProducer;
use postage_core::prelude::*;
use postage_core::{Address, ApplicationCommandsProducer};
use testbed::RabbitMq;
use tokio::time::timeout;

/// Longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// How many messages each address gets.
const MESSAGES: u64 = 100;

/// An application in a process of its own. It is killed when this is dropped.
struct Process {
    process: Child,
    address: String,
    // Kept, so that it can be written to.
    _news: Lines<BufReader<ChildStderr>>,
}

impl Process {
    /// Starts it, and waits until it is there.
    fn start(url: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(built::example("application"))
            .args(arguments)
            .env("POSTAGE_URL", url)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut news = BufReader::new(process.stderr.take().unwrap()).lines();
        let there = |line: String| Some(line.split_once("is there, alone at ")?.1.to_owned());
        let address = news.find_map(|line| there(line.unwrap())).expect("it says that it is there");
        Self { process, address, _news: news }
    }

    fn kill(&mut self) {
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

async fn within<F: IntoFuture>(future: F) -> F::Output {
    timeout(DEADLINE, future.into_future()).await.expect("it ends in time")
}

fn client<C>(broker: &Broker, new: impl FnOnce(&Broker, Fingerprint) -> C) -> C {
    new(broker, Fingerprint::new("case", "test"))
}

/// How often each of the processes has taken the note, by their order.
async fn noted(monitors: &MonitorProducer, processes: &[&Process], text: &str) -> Vec<u64> {
    let mut counts = Vec::new();
    for process in processes {
        let (pid, host) = process.address.split_once('@').unwrap();
        let mut who = Fingerprint::new("", "");
        (who.pid, who.host) = (pid.to_owned(), host.to_owned());
        counts.push(within(monitors.noted(text).to(Address::unique(&who))).await.unwrap());
    }
    counts
}

#[tokio::test]
async fn each_of_the_eight_ways_reaches_exactly_whom_it_should() {
    let node = RabbitMq::start().unwrap();
    let start = |arguments: &[&str]| Process::start(&node.url(), arguments);
    // Three processes of two names in two groups, on what they say are two hosts.
    let one = start(&["--name", "lamp", "--host", "attic", "--group", "day"]);
    let two = start(&["--name", "lamp", "--host", "cellar", "--group", "day", "--group", "night"]);
    let three = start(&["--name", "bell", "--host", "attic", "--group", "night"]);
    let processes = [&one, &two, &three];
    assert_eq!(one.address, format!("{}@attic", one.process.id()));

    let broker = Broker::connect(&node.url()).await.unwrap();
    let monitors = client(&broker, MonitorProducer::new);
    let lamp = Address::name("lamp");
    let mut unique = Fingerprint::new("lamp", "application");
    (unique.pid, unique.host) = (one.process.id().to_string(), "attic".to_owned());
    let all = MESSAGES;
    let half = MESSAGES / 2;
    let ways: [(&str, Address, [u64; 3]); 8] = [
        ("by name", lamp.clone().into(), [all, all, 0]),
        ("by name, in turn", lamp.in_turn(), [half, half, 0]),
        ("by host", Address::host("attic"), [all, 0, all]),
        ("by name and host", lamp.on("cellar").into(), [0, all, 0]),
        ("by name and host, in turn", lamp.on("attic").in_turn(), [all, 0, 0]),
        ("by group", lamp.group("day").into(), [all, all, 0]),
        ("by group, in turn", lamp.group("day").in_turn(), [half, half, 0]),
        ("alone", Address::unique(&unique), [all, 0, 0]),
    ];
    for (text, address, _) in &ways {
        for _ in 0..MESSAGES {
            within(monitors.note(text).to(address.clone())).await.unwrap();
        }
    }
    for (text, _, expected) in &ways {
        let wanted: u64 = expected.iter().sum();
        let mut counts = noted(&monitors, &processes, text).await;
        let settled = async {
            while counts.iter().sum::<u64>() < wanted {
                counts = noted(&monitors, &processes, text).await;
            }
        };
        within(settled).await;
        for (count, expected) in counts.iter().zip(expected) {
            // In turn, the first may be one ahead.
            let spread = u64::from(*expected == half);
            assert!(count.abs_diff(*expected) <= spread, "{text}: {counts:?}");
        }
    }
    // All queues are empty of these by now: nobody has taken one more.
    for (text, _, expected) in &ways {
        let counts = noted(&monitors, &processes, text).await;
        assert_eq!(counts.iter().sum::<u64>(), expected.iter().sum::<u64>(), "{text}: {counts:?}");
    }
}

#[tokio::test]
async fn a_process_joins_a_group_at_a_command_and_is_asked_in_turn() {
    let node = RabbitMq::start().unwrap();
    let start = |arguments: &[&str]| Process::start(&node.url(), arguments);
    let (_one, _two) = (start(&["--name", "lamp"]), start(&["--name", "lamp"]));
    let broker = Broker::connect(&node.url()).await.unwrap();
    let commands = client(&broker, ApplicationCommandsProducer::new);
    let lamp = Address::name("lamp");
    within(commands.join_group("night").to(lamp.clone())).await.unwrap();
    let joined = async {
        loop {
            let described = commands.describe_application().to(lamp.clone());
            let described = described.answers(DEADLINE).first(2).await;
            if described.iter().all(|one| one.result.as_ref().unwrap().groups == ["night"]) {
                return;
            }
        }
    };
    within(joined).await;
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(within(commands.ping().to(lamp.group("night").in_turn())).await.unwrap().pid);
    }
    assert!(asked[0] != asked[1] && asked[..2] == asked[2..], "{asked:?}");
}

/// The lines of `who`, in their columns.
fn who(url: &str, watches: bool) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut process = Command::new(built::example("who"))
        .args(watches.then_some("--watch"))
        .env("POSTAGE_URL", url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    (process, lines)
}

/// What `who` lists when it lists so many. It waits for answers for a moment only, in which six
/// processes on a busy machine may not all have had their turn.
fn list_of(url: &str, wanted: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let (mut process, lines) = who(url, false);
        let mut lines = lines.map(|line| line.unwrap());
        let title = lines.next().unwrap();
        assert!(title.starts_with("NAME") && title.contains("ADDRESS"), "{title}");
        let listed: Vec<_> = lines.collect();
        assert!(process.wait().unwrap().success());
        if listed.len() == wanted {
            return listed;
        }
        assert!(begun.elapsed() < DEADLINE, "{listed:#?}");
    }
}

#[test]
fn who_lists_five_and_notices_one_that_is_killed() {
    let node = RabbitMq::start().unwrap();
    let names = ["bell", "door", "fan", "lamp", "lamp"];
    let mut five = names.map(|name| Process::start(&node.url(), &["--name", name]));

    let listed = list_of(&node.url(), 5);
    for (line, name) in listed.iter().zip(names) {
        assert!(line.starts_with(name), "{listed:#?}");
    }
    for process in &five {
        assert!(listed.iter().any(|line| line.contains(&process.address)), "{listed:#?}");
    }

    // Who is there is watched as well.
    let (mut process, lines) = who(&node.url(), true);
    let mut lines = lines.map(|line| line.unwrap());
    assert!(lines.any(|line| line.starts_with("there") && line.contains(&five[0].address)));
    five[0].kill();
    let gone = lines.find(|line| line.starts_with("vanished")).unwrap();
    assert!(gone.contains("bell") && gone.contains(&five[0].address), "{gone}");
    process.kill().unwrap();
    process.wait().unwrap();

    let left = list_of(&node.url(), 4);
    assert!(!left.iter().any(|line| line.contains(&five[0].address)), "{left:#?}");
}
