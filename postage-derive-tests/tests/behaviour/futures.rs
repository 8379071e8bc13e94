//! A call is a future of its own: it is spawned, joined, and shares its way back with others.

use std::collections::HashSet;

use futures_util::future::join_all;
use postage_core::prelude::*;
use tokio::task::JoinSet;

use crate::world::{Anywhere, Place, World, nothing_more, seen, success, within};

#[producer(exchange = Anywhere, key = "anywhere")]
trait Sums {
    #[rpc]
    async fn double(&self, number: u32) -> u32;
    #[rpc]
    async fn length(&self, text: &str) -> Result<usize, String>;
}

struct Adder;

#[message_processor]
impl Sums for Adder {
    async fn double(&self, number: u32) -> u32 {
        number * 2
    }

    async fn length(&self, text: &str) -> Result<usize, String> {
        if text.is_empty() { Err("no text".to_owned()) } else { Ok(text.len()) }
    }
}

on_every_broker! {
    calls_are_spawned_joined_and_put_into_sets,
    a_call_borrows_none_of_its_arguments,
    nothing_is_sent_before_a_call_is_awaited,
    five_hundred_calls_in_flight_share_one_reply_queue,
    answers_find_their_calls_in_any_order,
    clients_of_one_connection_share_their_reply_queue,
}

fn sums(broker: &Broker, place: &Place) -> SumsProducer {
    SumsProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

async fn calls_are_spawned_joined_and_put_into_sets(world: World) {
    let broker = world.broker().await;
    let place = world.place("sums");
    let _serving = place.serve(&broker, Adder).await;
    let sums = sums(&broker, &place);

    let spawned = tokio::spawn(sums.double(1));
    let joined = join_all((2..5).map(|number| sums.double(number)));
    let mut set = JoinSet::new();
    for number in 5..8 {
        set.spawn(sums.double(number));
    }
    let (one, other) =
        within("answers", async { tokio::join!(sums.double(8), sums.length("eight")) }).await;
    assert_eq!((one.unwrap(), other.unwrap()), (16, 5));
    assert_eq!(within("an answer", spawned).await.unwrap().unwrap(), 2);
    let joined: Vec<_> = within("answers", joined).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(joined, [4, 6, 8]);
    let set: HashSet<_> =
        within("answers", set.join_all()).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(set, HashSet::from([10, 12, 14]));
}

async fn a_call_borrows_none_of_its_arguments(world: World) {
    let broker = world.broker().await;
    let place = world.place("sums");
    let _serving = place.serve(&broker, Adder).await;
    let call = {
        let sums = sums(&broker, &place);
        let text = "short-lived".to_owned();
        sums.length(&text)
    };
    fn is_send_and_static<T: Send + 'static>(_: &T) {}
    is_send_and_static(&call);
    assert_eq!(within("an answer", tokio::spawn(call)).await.unwrap().unwrap(), 11);
}

async fn nothing_is_sent_before_a_call_is_awaited(world: World) {
    let broker = world.broker().await;
    let place = world.place("sums");
    let requests = &mut place.consume(&broker).await;
    let sums = sums(&broker, &place);
    drop(sums.double(1));
    drop(sums.producer().command("double", 1));
    nothing_more(&broker, &place.queue, requests).await;
}

async fn five_hundred_calls_in_flight_share_one_reply_queue(world: World) {
    const CALLS: usize = 500;
    let broker = world.broker().await;
    let place = world.place("sums");
    let requests = &mut place.consume(&broker).await;
    let sums = sums(&broker, &place);
    let mut calls = JoinSet::new();
    for number in 0..u32::try_from(CALLS).unwrap() {
        let call = sums.double(number);
        calls.spawn(async move { (number, call.await) });
    }
    let mut taken = Vec::new();
    for _ in 0..CALLS {
        taken.push(seen(requests).await);
    }
    assert_eq!(calls.try_join_next().map(|_| ()), None, "all are in flight");
    let reply_queues: HashSet<_> =
        taken.iter().map(|request| request.properties.reply_to.clone()).collect();
    assert_eq!(reply_queues.len(), 1, "{reply_queues:?}");
    let ids: HashSet<_> =
        taken.iter().map(|request| request.properties.correlation_id.clone()).collect();
    assert_eq!(ids.len(), CALLS);

    for request in taken.iter().rev() {
        let number = request.parameters()["number"].as_u64().unwrap();
        request.answer(&broker, success(&(number * 2).into())).await;
    }
    for (number, answer) in within("all answers", calls.join_all()).await {
        assert_eq!(answer.unwrap(), number * 2);
    }
}

async fn answers_find_their_calls_in_any_order(world: World) {
    let broker = world.broker().await;
    let place = world.place("sums");
    let requests = &mut place.consume(&broker).await;
    let sums = sums(&broker, &place);
    let first = tokio::spawn(sums.double(1));
    let request_one = seen(requests).await;
    let second = tokio::spawn(sums.double(2));
    let request_two = seen(requests).await;
    request_two.answer(&broker, success(&22.into())).await;
    assert_eq!(within("the second answer", second).await.unwrap().unwrap(), 22);
    // An answer that nobody waits for, and a second one, harm nothing.
    request_two.answer(&broker, success(&23.into())).await;
    request_one.answer(&broker, success(&11.into())).await;
    assert_eq!(within("the first answer", first).await.unwrap().unwrap(), 11);
}

async fn clients_of_one_connection_share_their_reply_queue(world: World) {
    let broker = world.broker().await;
    let place = world.place("sums");
    place.declare(&broker).await;
    let one = within("a ticket", sums(&broker, &place).double(1).detach()).await.unwrap();
    let other = place.producer(&broker.clone()).rpc::<u32>("double", 1);
    let other = within("a ticket", other.detach()).await.unwrap();
    assert_eq!(one.reply_to(), other.reply_to());
}
