//! Queues, bindings, exchanges and prefetch are the same after a loss.

use std::sync::Arc;
use std::time::Duration;

use postage_core::{Binding, Exchange, ExchangeKind, Fingerprint, Producer, Queue, Serving};
use tokio::time::timeout;

use crate::desk::Desk;
use crate::world::{
    Look, Place, connect, direct, line, tell_all, until, until_session, watchful, within,
};

/// What the broker names, goes with its last consumer, and others may look at.
fn named_by_the_broker() -> Queue {
    Queue::new("").durable(false).auto_delete(true)
}

/// Waits until the service has its next queue, and answers the name.
async fn renamed(serving: &Serving, old: &str) -> String {
    until("a new name", async || serving.queues().iter().all(|name| name != old)).await;
    serving.queues().remove(0)
}

#[tokio::test]
async fn a_queue_named_by_the_broker_comes_back_with_its_bindings_and_prefetch() {
    let (place, line) = (Place::new(), line());
    let services = connect(watchful(&line)).await;
    let (senders, look) = (direct().await, Look::at_shared().await);
    let desk = Arc::new(Desk::default());
    let served = services.serve(Arc::clone(&desk)).prefetch(3).concurrency(100);
    let served = served.bind(place.exchange.clone(), named_by_the_broker(), place.key.clone());
    let serving = within("a service", served.into_future()).await.unwrap();
    let first = serving.queues().remove(0);
    for key in ["added", "taken back"] {
        let binding = Binding::new(place.exchange.clone(), first.clone(), key);
        serving.bind(&binding).await.unwrap();
        if key == "taken back" {
            serving.unbind(&binding).await.unwrap();
        }
    }

    line.cut();
    let second = renamed(&serving, &first).await;
    look.until(&second, 0, 1).await;
    until("the old queue to go", async || look.counts(&first).await.is_none()).await;

    let producer = place.producer(&senders);
    tell_all(&producer, [1]).await.unwrap();
    within("the other key", producer.command("tell", 2).key("added")).await.unwrap();
    within("the key taken back", producer.command("tell", 3).key("taken back")).await.unwrap_err();
    desk.until_told([1, 2]).await;

    desk.shut();
    tell_all(&producer, 4..=13).await.unwrap();
    look.until(&second, 10 - 3, 1).await;
    desk.open();
    desk.until_told(4..=13).await;
    assert_eq!(desk.seen().told_again(), 0, "one binding for each key");
}

#[tokio::test]
async fn a_binding_made_after_a_loss_is_kept_over_the_next() {
    let (place, line) = (Place::new(), line());
    let services = connect(watchful(&line)).await;
    let desk = Arc::new(Desk::default());
    let served = services.serve(Arc::clone(&desk));
    let served = served.bind(place.exchange.clone(), Queue::server_named(), place.key.clone());
    let serving = within("a service", served.into_future()).await.unwrap();
    let senders = direct().await;
    let producer = place.producer(&senders);

    let mut name = serving.queues().remove(0);
    for round in 1..=3_u64 {
        line.cut();
        name = renamed(&serving, &name).await;
        let key = format!("round {round}");
        // The service has its queue, and perhaps not yet its consumer.
        let binding = Binding::new(place.exchange.clone(), name.clone(), key);
        within("the binding", serving.bind(&binding)).await.unwrap();
        for earlier in 1..=round {
            let key = format!("round {earlier}");
            let number = round * 10 + earlier;
            until("the key to be bound", async || {
                producer.command("tell", number).key(key.clone()).await.is_ok()
            })
            .await;
            desk.until_told([number]).await;
        }
    }
    assert_eq!(desk.seen().told_again(), 0);
}

#[tokio::test]
async fn exchanges_that_went_with_their_queues_are_declared_again() {
    let (place, line) = (Place::new(), line());
    let passing = place.exchange.clone().durable(false).auto_delete(true);
    let place = Place { exchange: passing, queue: Queue::server_named(), ..place };
    let services = connect(watchful(&line)).await;
    let (desk, serving) = place.served(&services).await;
    let senders = direct().await;
    let producer = place.producer(&senders);
    tell_all(&producer, [1]).await.unwrap();
    desk.until_told([1]).await;

    // With the service's queue the exchange goes, and the sender's connection knows nothing of it.
    line.refuse();
    let gone = async || {
        let passive = place.exchange.clone().passive(true);
        senders.declare_exchange(&passive).await.is_err()
    };
    until("the exchange to go", gone).await;
    let unheard = within("a send to nobody", producer.command("tell", 2)).await;
    assert!(matches!(unheard, Err(postage_core::SendError::Unroutable { .. })), "{unheard:?}");

    let name = serving.queues().remove(0);
    line.restore().unwrap();
    until_session(&services, 2).await;
    renamed(&serving, &name).await;
    until("the service", async || producer.command("tell", 3).await.is_ok()).await;
    desk.until_told([3]).await;
}

#[tokio::test]
async fn a_durable_queue_has_all_its_bindings_and_one_consumer_after_a_loss() {
    let (place, line) = (Place::new(), line());
    let second = Exchange::new(format!("{}-second", place.key), ExchangeKind::Topic);
    let services = connect(watchful(&line)).await;
    let desk = Arc::new(Desk::default());
    let served = place.serve(&services, &desk).bind(second.clone(), place.queue.clone(), "a.#");
    let serving = within("a service", served.into_future()).await.unwrap();
    let (senders, look) = (direct().await, Look::at_shared().await);

    line.cut();
    until_session(&services, 2).await;
    look.until(place.queue.name(), 0, 1).await;
    tell_all(&place.producer(&senders), [1]).await.unwrap();
    let producer = Producer::new(&senders, Fingerprint::new("test", "test"));
    tell_all(&producer.eks([(second, "a.b")]), [2]).await.unwrap();
    desk.until_told([1, 2]).await;
    assert_eq!(desk.seen().told_again(), 0);

    let stopped = timeout(Duration::from_millis(1), serving.stopped()).await;
    assert!(stopped.is_err(), "{stopped:?}");
}
