//! Answers that go to a queue that lasts: none is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postage_core::__private as p;
use postage_core::Config;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::world::{Look, Place, connect, killed, node, restarted, within};

const CALLERS: u64 = 50;
const EACH: u64 = 40;
const ALL: u64 = CALLERS * EACH;

/// Takes the answers, and remembers how often each number's came.
#[derive(Default)]
struct Hearer {
    heard: watch::Sender<HashMap<u64, u32>>,
}

impl p::MessageProcessor for Hearer {
    const NAME: &'static str = "Hearer";
    const TABLE: &'static [&'static [p::Method]] =
        &[&[p::Method::message("result", "double", "double", &[])]];

    fn setup() -> p::ServiceSetup {
        p::ServiceSetup::new()
    }

    fn dispatch<'a>(&'a self, _: usize, request: p::Request<'a>) -> p::BoxFuture<'a, p::Outcome> {
        Box::pin(async move {
            let number: u64 = request.context().data().unwrap();
            let answer = request.reply_of::<Result<u64, p::CallFault>>();
            assert_eq!(answer.unwrap().unwrap(), number * 2, "another call's answer");
            self.heard.send_modify(|heard| *heard.entry(number).or_default() += 1);
            request.settle(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_thousand_calls_over_two_kills_each_is_answered_to_its_queue() {
    let mut node = node().await;
    let (place, answers) = (Place::new(), Place::new());
    let services = connect(Config::new(node.url())).await;
    let callers = connect(Config::new(node.url())).await;
    let (desk, _serving) = place.served(&services).await;

    let sent = watch::Sender::new(0_u64);
    let mut calls = JoinSet::new();
    for caller in 0..CALLERS {
        let (producer, sent, queue) =
            (place.producer(&callers), sent.clone(), answers.queue.clone());
        calls.spawn(async move {
            for number in (0..EACH).map(|number| caller * EACH + number) {
                let call = producer.rpc::<u64>("double", number).data(number);
                let call = call.answer_to(queue.clone()).within(Duration::from_secs(120));
                call.await.unwrap();
                sent.send_modify(|count| *count += 1);
            }
        });
    }
    for at in [ALL / 3, ALL * 2 / 3] {
        let mut count = sent.subscribe();
        within("the confirms", count.wait_for(|count| *count >= at)).await.unwrap();
        node = restarted(killed(node).await).await;
        assert!(*sent.borrow() < ALL, "the kill came too late to show anything");
    }
    within("the confirms", calls.join_all()).await;
    // Who takes the answers comes when all is over, and has nothing but the queue.
    desk.until("all to be asked", |seen| seen.asked.len() as u64 == ALL).await;
    Look::at(&node.url()).await.until(place.queue.name(), 0, 1).await;
    let hearer = Arc::new(Hearer::default());
    let hears = connect(Config::new(node.url())).await;
    let serve = hears.serve(Arc::clone(&hearer)).queue(answers.queue.clone());
    let _hears = within("a service", serve.into_future()).await.unwrap();
    let mut heard = hearer.heard.subscribe();
    let all = |heard: &HashMap<u64, u32>| heard.len() as u64 == ALL;
    within("the answers", heard.wait_for(all)).await.unwrap();
    Look::at(&node.url()).await.until(answers.queue.name(), 0, 1).await;
    let again: u32 = hearer.heard.borrow().values().map(|times| times - 1).sum();
    assert_eq!(again, 0, "an answer that was sent twice has one id");
    assert!(desk.seen().asked_once(), "a request was run twice");
    println!("{ALL} calls, each answered to its queue, {again} handled again");
}
