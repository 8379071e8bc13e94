//! A message that comes again under its id is not handled again, and a call is answered as before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::{BoxFuture, Properties, Subscription};
use postage_core::{Answer, Claim, DedupStore, ExchangeKind, Queue, RecentMessages};
use serde_json::{Value, json};
use testbed::{Direction, Proxy};

use crate::world::{
    DEADLINE, Ear, Gate, Place, Voice, World, bind, consume, declare, left_in, line, publish, seen,
    within,
};

struct Till {
    voice: Voice,
    gate: Gate,
}

#[message_processor]
impl Till {
    #[rpc_handler]
    async fn pay(&self, amount: u32) -> Result<u32, String> {
        self.voice.say(format!("pays {amount}"));
        self.gate.pass().await;
        if amount == 0 { Err("nothing to pay".to_owned()) } else { Ok(amount) }
    }

    #[rpc_handler]
    async fn burst(&self) {
        self.voice.say("bursts");
        panic!("burst");
    }

    #[message_handler]
    async fn fumble(&self) -> Result<(), String> {
        self.voice.say("fumbles");
        self.gate.pass().await;
        Err("it fell".to_owned())
    }

    #[message_handler]
    async fn note(&self, amount: u32) -> Result<(), String> {
        self.voice.say(format!("notes {amount}"));
        if amount == 0 { Err("nothing to note".to_owned()) } else { Ok(()) }
    }
}

on_every_broker! {
    a_retried_call_runs_once,
    a_call_that_comes_again_is_answered_from_memory,
    an_error_and_an_exception_are_answered_from_memory_too,
    a_call_that_comes_again_while_it_runs_waits_for_its_answer,
    a_call_that_comes_again_while_it_runs_takes_no_handlers_place,
    a_message_that_comes_again_is_not_handled_again,
    messages_without_an_id_are_all_handled,
    messages_with_an_empty_id_are_all_handled,
    copies_of_a_message_in_two_queues_are_both_handled,
    a_message_that_failed_is_handled_again,
    a_call_that_was_cut_off_is_run_again,
    a_store_shared_by_two_services_counts_for_both,
    a_store_shared_by_services_of_different_queues_tells_them_apart,
    without_a_store_a_message_is_handled_as_often_as_it_comes,
    a_service_says_by_its_attribute_that_it_remembers_nothing,
    a_service_that_remembers_one_message_forgets_the_one_before,
}

fn till() -> (Arc<Till>, Ear) {
    let (voice, ear) = line();
    (Arc::new(Till { voice, gate: Gate::shut() }), ear)
}

async fn served(world: &World) -> (Broker, Place, Arc<Till>, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("till");
    let (till, ear) = till();
    let serving = place.serve(&broker, Arc::clone(&till)).await;
    (broker, place, till, serving, ear)
}

fn body(category: &str, name: &str, parameters: &Value) -> String {
    json!({
        "type": "command", "name": name, "category": category,
        "content": { "parameters": parameters },
    })
    .to_string()
}

/// Publishes a message by hand under this id.
async fn note(broker: &Broker, place: &Place, id: &'static str, amount: u32) {
    let mut properties = Properties::default();
    properties.message_id = Some(id.into());
    publish(broker, place, properties, body("message", "note", &json!({ "amount": amount }))).await;
}

/// Publishes a call by hand under this id, to be answered in a queue of this name.
async fn ask(
    broker: &Broker,
    place: &Place,
    (id, reply_to): (&'static str, &str),
    name: &str,
    parameters: Value,
) {
    let mut properties = Properties::default();
    properties.message_id = Some(id.into());
    properties.correlation_id = Some(format!("to {reply_to}").into());
    properties.reply_to = Some(reply_to.to_owned().into());
    publish(broker, place, properties, body("rpc", name, &parameters)).await;
}

async fn replies(world: &World, broker: &Broker, stem: &str) -> (String, Subscription) {
    let queue = world.queue(stem);
    declare(broker, &queue).await;
    (queue.name().to_owned(), consume(broker, queue.name()).await)
}

/// The content of the next reply in the queue of this name.
async fn answer((name, replies): &mut (String, Subscription)) -> Value {
    let reply = seen(replies).await;
    assert_eq!(reply.properties.correlation_id.as_deref(), Some(&*format!("to {name}")));
    reply.json()["content"].clone()
}

async fn a_retried_call_runs_once(world: World) {
    let (broker, place, till, _serving, mut ear) = served(&world).await;
    // Sees each request that the service sees.
    let witness = world.queue("witness");
    declare(&broker, &witness).await;
    bind(&broker, &place.exchange, &witness, &place.key).await;
    let mut requests = consume(&broker, witness.name()).await;
    let call = place.producer(&broker).rpc::<u32>("pay", json!({ "amount": 3 }));
    let call = tokio::spawn(call.timeout(Duration::from_millis(300)).max_retry(60));
    let ids = [seen(&mut requests).await, seen(&mut requests).await, seen(&mut requests).await]
        .map(|request| request.properties.message_id);
    assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    till.gate.open(60);
    assert_eq!(within("an answer", call).await.unwrap().unwrap(), 3);
    assert_eq!(ear.hears().await, "pays 3");
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_call_that_comes_again_is_answered_from_memory(world: World) {
    let (broker, place, till, _serving, mut ear) = served(&world).await;
    let mut first = replies(&world, &broker, "first").await;
    let mut second = replies(&world, &broker, "second").await;
    till.gate.open(10);
    ask(&broker, &place, ("one", &first.0), "pay", json!({ "amount": 3 })).await;
    let answered = answer(&mut first).await;
    assert_eq!(answered, json!({ "type": "success", "value": 3, "message": "" }));
    ask(&broker, &place, ("one", &second.0), "pay", json!({ "amount": 3 })).await;
    assert_eq!(answer(&mut second).await, answered);
    ask(&broker, &place, ("two", &second.0), "pay", json!({ "amount": 4 })).await;
    assert_eq!(answer(&mut second).await["value"], 4);
    assert_eq!(ear.rest(), ["pays 3", "pays 4"]);
}

async fn an_error_and_an_exception_are_answered_from_memory_too(world: World) {
    let (broker, place, till, serving, mut ear) = served(&world).await;
    let mut ours = replies(&world, &broker, "ours").await;
    till.gate.open(10);
    for (id, name, said) in [("one", "pay", "pays 0"), ("two", "burst", "bursts")] {
        ask(&broker, &place, (id, &ours.0), name, json!({ "amount": 0 })).await;
        let answered = answer(&mut ours).await;
        assert_ne!(answered["type"], "success");
        ask(&broker, &place, (id, &ours.0), name, json!({ "amount": 0 })).await;
        assert_eq!(answer(&mut ours).await, answered);
        assert_eq!(ear.rest(), [said]);
    }
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.dead).await, ["burst"], "one letter of the one run");
}

async fn a_call_that_comes_again_while_it_runs_waits_for_its_answer(world: World) {
    let (broker, place, till, _serving, mut ear) = served(&world).await;
    let mut first = replies(&world, &broker, "first").await;
    let mut second = replies(&world, &broker, "second").await;
    for reply_to in [&first.0, &second.0] {
        ask(&broker, &place, ("one", reply_to), "pay", json!({ "amount": 3 })).await;
    }
    assert_eq!(ear.hears().await, "pays 3");
    // It comes after them, so they are there when it is heard of.
    note(&broker, &place, "after them", 1).await;
    assert_eq!(ear.hears().await, "notes 1");
    till.gate.open(10);
    assert_eq!(answer(&mut first).await["value"], 3);
    assert_eq!(answer(&mut second).await["value"], 3);
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_call_that_comes_again_while_it_runs_takes_no_handlers_place(world: World) {
    let broker = world.broker().await;
    let place = world.place("till");
    let (till, mut ear) = till();
    let two = |serve: postage_core::Serve| serve.concurrency(2);
    let _serving = place.serve_with(&broker, Arc::clone(&till), two).await;
    let mut first = replies(&world, &broker, "first").await;
    let mut other = replies(&world, &broker, "other").await;
    for _ in 0..5 {
        ask(&broker, &place, ("a call", &first.0), "pay", json!({ "amount": 7 })).await;
    }
    ask(&broker, &place, ("another", &other.0), "pay", json!({ "amount": 8 })).await;
    assert_eq!((ear.hears().await, ear.hears().await), ("pays 7".into(), "pays 8".into()));
    till.gate.open(2);
    for _ in 0..5 {
        assert_eq!(answer(&mut first).await["value"], 7);
    }
    assert_eq!(answer(&mut other).await["value"], 8);
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_message_that_comes_again_is_not_handled_again(world: World) {
    let (broker, place, _till, serving, mut ear) = served(&world).await;
    for (id, amount) in [("one", 1), ("one", 1), ("two", 2), ("one", 1), ("two", 2)] {
        note(&broker, &place, id, amount).await;
    }
    let heard = [ear.hears().await, ear.hears().await];
    assert!(heard.contains(&"notes 1".to_owned()) && heard.contains(&"notes 2".to_owned()));
    note(&broker, &place, "last", 9).await;
    assert_eq!(ear.hears().await, "notes 9");
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(ear.rest(), [""; 0]);
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn messages_with_an_empty_id_are_all_handled(world: World) {
    let (broker, place, _till, _serving, mut ear) = served(&world).await;
    for amount in 1..=3 {
        note(&broker, &place, "", amount).await;
        assert_eq!(ear.hears().await, format!("notes {amount}"));
    }
}

async fn messages_without_an_id_are_all_handled(world: World) {
    let (broker, place, _till, _serving, mut ear) = served(&world).await;
    for _ in 0..3 {
        // Neither confirmed nor mandatory, as Python sends it: then it needs no id.
        let route = postage_core::Route::new(place.exchange.name().to_owned(), place.key.clone());
        let note = body("message", "note", &json!({ "amount": 1 }));
        let publication =
            postage_core::transport::Publication::new(route, Properties::default(), note)
                .mandatory(false)
                .confirm(false);
        within("the sending", broker.transport().publish(publication)).await.expect("it is sent");
        assert_eq!(ear.hears().await, "notes 1");
    }
}

async fn copies_of_a_message_in_two_queues_are_both_handled(world: World) {
    let broker = world.broker().await;
    let place = world.place("till");
    let (till, mut ear) = till();
    let (exchange, key) = (place.exchange.clone(), place.key.clone());
    let both = |serve: postage_core::Serve| serve.bind(exchange, world.queue("copies"), key);
    let _serving = place.serve_with(&broker, till, both).await;
    note(&broker, &place, "one", 1).await;
    assert_eq!(ear.hears().await, "notes 1");
    assert_eq!(ear.hears().await, "notes 1");
}

async fn a_message_that_failed_is_handled_again(world: World) {
    let (broker, place, _till, _serving, mut ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    for _ in 0..2 {
        note(&broker, &place, "one", 0).await;
        assert_eq!(ear.hears().await, "notes 0");
        assert_eq!(seen(&mut dead).await.properties.message_id.as_deref(), Some("one"));
    }
}

async fn a_call_that_was_cut_off_is_run_again(world: World) {
    let (broker, place, till, serving, mut ear) = served(&world).await;
    let store = Arc::new(RecentMessages::default());
    within("a drain", serving.drain(DEADLINE)).await;
    let mut ours = replies(&world, &broker, "ours").await;
    let shared = || {
        let store = Arc::clone(&store);
        |serve: postage_core::Serve| serve.dedup(store)
    };
    let serving = place.serve_with(&broker, Arc::clone(&till), shared()).await;
    ask(&broker, &place, ("one", &ours.0), "pay", json!({ "amount": 3 })).await;
    assert_eq!(ear.hears().await, "pays 3");
    drop(serving);
    let _serving = place.serve_with(&broker, Arc::clone(&till), shared()).await;
    assert_eq!(ear.hears().await, "pays 3");
    till.gate.open(1);
    assert_eq!(answer(&mut ours).await["value"], 3);
}

/// A store as somebody else would write it, that keeps everything.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<HashMap<String, Option<Answer>>>>);

impl DedupStore for Ledger {
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim> {
        Box::pin(async move {
            let known = self.0.lock().unwrap().get(id).cloned();
            known.map_or(Claim::New, Claim::Handled)
        })
    }

    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()> {
        Box::pin(async move { drop(self.0.lock().unwrap().insert(id.to_owned(), answer)) })
    }

    fn release(&self, _: &str) {}
}

async fn a_store_shared_by_two_services_counts_for_both(world: World) {
    let (one, two) = (world.broker().await, world.broker().await);
    let place = world.place("till");
    let ledger = Ledger::default();
    let shared = || {
        let ledger = ledger.clone();
        |serve: postage_core::Serve| serve.dedup(ledger)
    };
    let mut ours = replies(&world, &one, "ours").await;
    let (first, mut at_first) = till();
    let serving = place.serve_with(&one, Arc::clone(&first), shared()).await;
    first.gate.open(10);
    ask(&one, &place, ("one", &ours.0), "pay", json!({ "amount": 3 })).await;
    let answered = answer(&mut ours).await;
    within("a drain", serving.drain(DEADLINE)).await;

    let (second, mut at_second) = till();
    let _serving = place.serve_with(&two, second, shared()).await;
    ask(&one, &place, ("one", &ours.0), "pay", json!({ "amount": 3 })).await;
    assert_eq!(answer(&mut ours).await, answered);
    assert_eq!((at_first.rest(), at_second.rest()), (vec!["pays 3".to_owned()], Vec::new()));
}

async fn a_store_shared_by_services_of_different_queues_tells_them_apart(world: World) {
    let broker = world.broker().await;
    let store = Arc::new(RecentMessages::default());
    let fanout = world.exchange("all", ExchangeKind::Fanout);
    let mut services = Vec::new();
    for queue in [world.queue("left"), world.queue("right"), Queue::server_named()] {
        let place = Place { exchange: fanout.clone(), queue, ..world.place("till") };
        let (till, ear) = till();
        let store = Arc::clone(&store);
        let serve = |serve: postage_core::Serve| serve.dedup(store);
        services.push((place.serve_with(&broker, till, serve).await, ear));
    }
    let place = Place { exchange: fanout, ..world.place("till") };
    note(&broker, &place, "one", 1).await;
    for (_serving, ear) in &mut services {
        assert_eq!(ear.hears().await, "notes 1");
    }
}

async fn without_a_store_a_message_is_handled_as_often_as_it_comes(world: World) {
    let broker = world.broker().await;
    let place = world.place("till");
    let (till, mut ear) = till();
    let _serving = place.serve_with(&broker, till, |serve| serve.no_dedup()).await;
    for _ in 0..2 {
        note(&broker, &place, "one", 1).await;
        assert_eq!(ear.hears().await, "notes 1");
    }
}

/// Says by its attribute that it remembers nothing.
struct Forgetful {
    voice: Voice,
}

#[message_processor(dedup = false)]
impl Forgetful {
    #[message_handler]
    async fn note(&self, amount: u32) {
        self.voice.say(format!("notes {amount}"));
    }
}

async fn a_service_says_by_its_attribute_that_it_remembers_nothing(world: World) {
    let broker = world.broker().await;
    let place = world.place("till");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Forgetful { voice }).await;
    for _ in 0..2 {
        note(&broker, &place, "one", 1).await;
        assert_eq!(ear.hears().await, "notes 1");
    }
}

async fn a_service_that_remembers_one_message_forgets_the_one_before(world: World) {
    let broker = world.broker().await;
    let place = world.place("till");
    let (till, mut ear) = till();
    // One at a time, so that what is heard has been remembered when the next is claimed.
    let one = |serve: postage_core::Serve| serve.concurrency(1).dedup(RecentMessages::new(1));
    let _serving = place.serve_with(&broker, till, one).await;
    for (id, amount) in [("one", 1), ("one", 1), ("two", 2), ("one", 1)] {
        note(&broker, &place, id, amount).await;
    }
    for heard in ["notes 1", "notes 2", "notes 1"] {
        assert_eq!(ear.hears().await, heard);
    }
}

/// On RabbitMQ only: the connection is cut between the handler's end and its acknowledgement.
#[tokio::test]
async fn a_message_whose_acknowledgement_was_lost_is_not_handled_again() {
    let world = World::rabbitmq();
    let url = testbed::broker_url();
    let proxy = Proxy::start_before(&url).unwrap();
    let theirs = world.broker().await;
    let broker = within("the connection", Broker::connect(&proxy.url_for(&url))).await.unwrap();
    let place = world.place("till");
    let (till, mut ear) = till();
    let serving = place.serve(&broker, Arc::clone(&till)).await;
    let mut ours = replies(&world, &theirs, "ours").await;
    till.gate.open(10);

    proxy.stall_only(Direction::ToServer);
    note(&theirs, &place, "one", 1).await;
    assert_eq!(ear.hears().await, "notes 1");
    ask(&theirs, &place, ("two", &ours.0), "pay", json!({ "amount": 3 })).await;
    assert_eq!(ear.hears().await, "pays 3");
    proxy.cut();
    proxy.restore().unwrap();

    // The answer was lost with the connection, and is the same when the call comes again.
    assert_eq!(answer(&mut ours).await["value"], 3);
    note(&theirs, &place, "last", 9).await;
    assert_eq!(ear.hears().await, "notes 9");
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(ear.rest(), [""; 0]);
    assert_eq!(left_in(&theirs, &place.queue).await, [""; 0]);
}

/// On RabbitMQ only: the broker gives the queue another name after the loss.
#[tokio::test]
async fn a_call_that_comes_again_after_a_loss_to_a_queue_without_a_name_runs_once() {
    let world = World::rabbitmq();
    let url = testbed::broker_url();
    let proxy = Proxy::start_before(&url).unwrap();
    let theirs = world.broker().await;
    let broker = within("the connection", Broker::connect(&proxy.url_for(&url))).await.unwrap();
    let place = Place { queue: Queue::server_named(), ..world.place("till") };
    let (till, mut ear) = till();
    let _serving = place.serve(&broker, Arc::clone(&till)).await;
    let mut ours = replies(&world, &theirs, "ours").await;
    ask(&theirs, &place, ("one", &ours.0), "pay", json!({ "amount": 3 })).await;
    assert_eq!(ear.hears().await, "pays 3");

    proxy.cut();
    // The first may still go to the queue of before, and with it.
    let bound_again = async {
        let note = || place.producer(&theirs).command("note", json!({ "amount": 1 }));
        while ear.rest().is_empty() {
            drop(note().await);
        }
    };
    within("the next queue", bound_again).await;
    ask(&theirs, &place, ("one", &ours.0), "pay", json!({ "amount": 3 })).await;
    till.gate.open(10);
    for _ in 0..2 {
        assert_eq!(answer(&mut ours).await["value"], 3);
    }
    let paid: Vec<_> = ear.rest().into_iter().filter(|word| word != "notes 1").collect();
    assert_eq!(paid, [""; 0]);
}

/// In memory only: the clock is the test's.
#[tokio::test(start_paused = true)]
async fn a_message_whose_time_is_up_when_the_one_before_it_has_failed_is_not_handled() {
    let (broker, place, till, _serving, mut ear) = served(&World::memory()).await;
    let mut dead = place.dead_letters(&broker).await;
    for expiration in [None, Some(Duration::from_secs(1))] {
        let mut properties = Properties::default();
        properties.message_id = Some("one".into());
        properties.expiration = expiration;
        publish(&broker, &place, properties, body("message", "fumble", &json!({}))).await;
    }
    assert_eq!(ear.hears().await, "fumbles");
    tokio::time::sleep(Duration::from_secs(2)).await;
    till.gate.open(2);
    for reason in ["it fell", "its time was up before a handler was free"] {
        let letter = seen(&mut dead).await;
        let error = letter.properties.header("postage-error").and_then(|error| error.as_str());
        assert_eq!(error, Some(reason));
    }
    assert_eq!(ear.rest(), [""; 0]);
}
