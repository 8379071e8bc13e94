//! Nothing that was confirmed is lost.

use std::collections::HashMap;
use std::time::Duration;

use postage_core::Config;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::world::{Look, Place, connect, killed, node, restarted, within};

const PRODUCERS: u64 = 100;
const EACH: u64 = 100;
const ALL: u64 = PRODUCERS * EACH;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_confirmed_messages_over_two_kills_are_all_handled() {
    let mut node = node().await;
    let place = Place::new();
    let services = connect(Config::new(node.url())).await;
    let senders = connect(Config::new(node.url())).await;
    let (desk, _serving) = place.served(&services).await;

    let confirmed = watch::Sender::new(0_u64);
    let mut sends = JoinSet::new();
    for sender in 0..PRODUCERS {
        let (producer, confirmed) = (place.producer(&senders), confirmed.clone());
        sends.spawn(async move {
            for number in 0..EACH {
                let send = producer.command("tell", sender * EACH + number);
                send.within(Duration::from_secs(120)).await.unwrap();
                confirmed.send_modify(|count| *count += 1);
            }
        });
    }
    for at in [ALL / 3, ALL / 2] {
        let mut count = confirmed.subscribe();
        within("the confirms", count.wait_for(|count| *count >= at)).await.unwrap();
        node = restarted(killed(node).await).await;
        assert!(*confirmed.borrow() < ALL, "the kill came too late to show anything");
    }
    within("the confirms", sends.join_all()).await;
    assert_eq!(*confirmed.borrow(), ALL);

    // Each of them that was confirmed is handled, and the queue is empty then.
    desk.until("all to be told", |seen| seen.told.len() as u64 == ALL).await;
    Look::at(&node.url()).await.until(place.queue.name(), 0, 1).await;
    let told: HashMap<u64, u32> = desk.seen().told;
    assert!((0..ALL).all(|number| told.contains_key(&number)), "lost");
    let again: u32 = told.values().map(|times| times - 1).sum();
    assert_eq!(again, 0, "the service knows what it has done");
    println!("{ALL} confirmed, {} handled, 0 lost, {again} handled again", told.len());
}
