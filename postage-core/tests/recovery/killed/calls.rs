//! Calls at a steady rate: each ends by its deadline, with its own answer or a fault that says
//! that there is none.

use std::env;
use std::time::Duration;

use postage_core::{CallFault, Config};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::world::{Place, connect, killed, node, restarted, within};

/// What a call may take in all its attempts, and what a busy machine may add to that.
const DEADLINE: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(2);

/// How many calls a second, and how many are answered before, between and after the kills.
struct Load {
    each_second: u32,
    answered: u64,
}

/// The long form has 500 a second for a minute beside the kills: `POSTAGE_LONG_TESTS=1`.
fn load() -> Load {
    match env::var_os("POSTAGE_LONG_TESTS") {
        Some(on) if on == "1" => Load { each_second: 500, answered: 500 * 20 },
        _ => Load { each_second: 100, answered: 100 * 3 },
    }
}

#[derive(Clone, Debug, Default)]
struct Ends {
    answered: u64,
    timed_out: u64,
    disconnected: u64,
    /// How long the longest took, and the longest of those that were answered.
    longest: Duration,
    longest_answered: Duration,
}

impl Ends {
    /// Each call ends in time, with its own answer or none.
    fn count(&mut self, number: u64, outcome: &Result<u64, CallFault>, took: Duration) {
        assert!(took < DEADLINE + LATE, "call {number} took {took:?}: {outcome:?}");
        self.longest = self.longest.max(took);
        match outcome {
            Ok(doubled) => {
                assert_eq!(*doubled, number * 2, "another call's answer");
                self.longest_answered = self.longest_answered.max(took);
                self.answered += 1;
            }
            Err(CallFault::TimedOut { .. }) => self.timed_out += 1,
            Err(CallFault::Disconnected { .. }) => self.disconnected += 1,
            Err(other) => panic!("call {number}: {other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_over_two_kills_ends_by_its_deadline_with_its_own_answer_or_none() {
    let load = load();
    let mut node = node().await;
    let place = Place::new();
    let services = connect(Config::new(node.url())).await;
    let callers = connect(Config::new(node.url())).await;
    let (desk, _serving) = place.served(&services).await;
    let producer = place.producer(&callers);

    let (ends, enough) = (watch::Sender::new(Ends::default()), watch::Sender::new(false));
    let (counts, mut stop) = (ends.clone(), enough.subscribe());
    let calling = tokio::spawn(async move {
        let mut tick = interval(Duration::from_secs(1) / load.each_second);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut calls = JoinSet::new();
        for number in 0.. {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.changed() => break,
            }
            let call = producer.rpc::<u64>("double", number).timeout(DEADLINE).deadline(DEADLINE);
            let counts = counts.clone();
            calls.spawn(async move {
                let since = Instant::now();
                let outcome = call.await;
                counts.send_modify(|ends| ends.count(number, &outcome, since.elapsed()));
            });
            while let Some(counted) = calls.try_join_next() {
                counted.unwrap();
            }
        }
        calls.join_all().await;
    });
    for kill in [true, true, false] {
        let wanted = ends.borrow().answered + load.answered;
        let mut counted = ends.subscribe();
        within("answers", counted.wait_for(|ends| ends.answered >= wanted)).await.unwrap();
        if kill {
            node = restarted(killed(node).await).await;
        }
    }
    enough.send_replace(true);
    within("the last calls", calling).await.unwrap();

    let ends = ends.borrow().clone();
    println!("{ends:?}");
    assert!(ends.timed_out + ends.disconnected > 0, "the kills were not felt");
    assert!(desk.seen().asked_once(), "a request was run twice");
}
