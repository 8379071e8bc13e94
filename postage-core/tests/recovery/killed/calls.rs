//! Calls at a steady rate: each ends by its deadline, with its own answer or a fault that says
//! that there is none.

use std::env;
use std::time::Duration;

use postage_core::{CallFault, Config};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::world::{Place, connect, killed, node, restarted, within};

/// What a call may take in all its attempts, and what a busy machine may add to that.
const DEADLINE: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(2);

struct Load {
    each_second: u64,
    seconds: u64,
}

/// The long form takes a minute: `POSTAGE_LONG_TESTS=1`.
fn load() -> Load {
    match env::var_os("POSTAGE_LONG_TESTS") {
        Some(on) if on == "1" => Load { each_second: 500, seconds: 60 },
        _ => Load { each_second: 100, seconds: 15 },
    }
}

#[derive(Debug, Default)]
struct Ends {
    answered: u64,
    timed_out: u64,
    disconnected: u64,
    unroutable: u64,
    longest: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_over_two_kills_ends_by_its_deadline_with_its_own_answer_or_none() {
    let load = load();
    let mut node = node().await;
    let place = Place::new();
    let services = connect(Config::new(node.url())).await;
    let callers = connect(Config::new(node.url())).await;
    let (_desk, _serving) = place.served(&services).await;
    let producer = place.producer(&callers);

    let calling = tokio::spawn(async move {
        let mut tick = interval(Duration::from_secs(1) / load.each_second as u32);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut calls = JoinSet::new();
        for number in 0..load.each_second * load.seconds {
            tick.tick().await;
            let call = producer.rpc::<u64>("double", number).timeout(DEADLINE).deadline(DEADLINE);
            calls.spawn(async move {
                let since = Instant::now();
                (number, call.await, since.elapsed())
            });
        }
        calls.join_all().await
    });
    let third = Duration::from_secs(load.seconds) / 3;
    let began = Instant::now();
    for kill in 1..=2 {
        // The load sets the pace here, not the broker: a kill at each third of it.
        tokio::time::sleep_until(began + third * kill - third / 2).await;
        node = restarted(killed(node).await).await;
    }

    let ended = within("the calls", calling).await.unwrap();
    let mut ends = Ends::default();
    for (number, outcome, took) in ended {
        assert!(took < DEADLINE + LATE, "call {number} took {took:?}: {outcome:?}");
        ends.longest = ends.longest.max(took);
        match outcome {
            Ok(doubled) => {
                assert_eq!(doubled, number * 2, "another call's answer");
                ends.answered += 1;
            }
            Err(CallFault::TimedOut { .. }) => ends.timed_out += 1,
            Err(CallFault::Disconnected { .. }) => ends.disconnected += 1,
            Err(CallFault::Unroutable { .. }) => ends.unroutable += 1,
            Err(other) => panic!("call {number}: {other}"),
        }
    }
    println!("{ends:?}");
    assert_eq!(ends.unroutable, 0, "a durable queue is there when the broker is");
    assert!(ends.answered > load.each_second * load.seconds / 3, "{ends:?}");
    drop(node);
}
