//! The broker is short of memory, and reads nothing from those who publish.

use std::time::Duration;

use postage_core::{Config, SendError};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::world::{
    HEARTBEAT, Place, SLACK, connect, node, session, short_of_memory, tell_all, until, within,
};

const WAITING: u64 = 3_000;
const LIMIT: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_takes_none_sends_end_in_their_time_and_those_that_wait_go_through_after()
{
    let node = node().await;
    let place = Place::new();
    let broker = connect(Config::new(node.url()).heartbeat(HEARTBEAT)).await;
    let (desk, _serving) = place.served(&broker).await;
    let producer = place.producer(&broker);
    tell_all(&producer, [0]).await.unwrap();

    let node = short_of_memory(node, true).await;
    for confirmed in [true, false] {
        let send = async || {
            let send = producer.command("tell", 0_u64).within(LIMIT);
            let send = if confirmed { send } else { send.unconfirmed() };
            let begun = Instant::now();
            let sent = timeout(LIMIT + SLACK, send).await.expect("it ends in its time");
            assert!(begun.elapsed() < LIMIT + SLACK);
            matches!(sent, Err(SendError::TimedOut { .. }))
        };
        // The first are still taken from us, until the broker says that it reads no more.
        let mut taken = 0;
        until("a send that ends in its time", async || {
            taken += 1;
            send().await
        })
        .await;
        assert!(taken < 100, "{taken} were taken");
        assert!(send().await, "no more is taken, confirmed: {confirmed}");
    }
    let mut waiting = JoinSet::new();
    for number in 1..=WAITING {
        waiting.spawn(producer.command("tell", number).within(Duration::from_secs(60)));
    }
    // Longer than a silence may last.
    assert!(timeout(HEARTBEAT * 3, waiting.join_next()).await.is_err(), "none is taken");
    assert_eq!(session(&broker), Some(1), "a broker that is short of memory is no lost one");

    let _node = short_of_memory(node, false).await;
    for sent in within("the confirms", waiting.join_all()).await {
        sent.unwrap();
    }
    desk.until_told(0..=WAITING).await;
    assert_eq!(session(&broker), Some(1));
}
