//! The broker is killed, as a power cut would, and started again.

mod answers;
mod calls;
mod sends;
mod waiting;

use std::time::Duration;

use postage_core::{Config, Queue};

use crate::world::{Place, answered, ask_all, connect, killed, node, restarted, tell_all, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_calls_and_sends_go_on_and_what_was_not_durable_is_declared_again() {
    let node = node().await;
    let services = connect(Config::new(node.url())).await;
    let callers = connect(Config::new(node.url())).await;
    let durable = Place::new();
    let passing = Place::new();
    let passing = Place {
        exchange: passing.exchange.durable(false),
        queue: Queue::new(passing.key.clone()).durable(false),
        key: passing.key,
    };
    let (desk, _serving) = durable.served(&services).await;
    let (beside, _serving_too) = passing.served(&services).await;
    answered(ask_all(&durable.producer(&callers), [0])).await;
    answered(ask_all(&passing.producer(&callers), [0])).await;

    let node = killed(node).await;
    let producer = durable.producer(&callers);
    let calls = ask_all(&producer, 1..=100);
    let calls_beside = ask_all(&passing.producer(&callers), 1..=100);
    let sends = tokio::spawn(async move { tell_all(&producer, 1..=100).await });
    let _node = restarted(node).await;
    answered(calls).await;
    answered(calls_beside).await;
    within("the sends", sends).await.unwrap().unwrap();
    desk.until_told(1..=100).await;
    beside.until("all to be asked", |seen| seen.asked.len() == 101).await;
    let left = within("the drain", _serving.drain(Duration::from_secs(10))).await;
    assert_eq!(left.cut_off, 0);
}
