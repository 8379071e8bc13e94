//! Where messages and calls go: the contract's pairs, the producer's, the method's, the call's.

use postage_core::prelude::*;
use postage_core::{Call, CallFault, SendError};
use serde_json::json;

use crate::world::{World, bind, consume, declare, left_in, seen, success, within};

#[exchange(name = "behaviour-routes-one", durable = false)]
struct One;

#[exchange(name = "behaviour-routes-two", kind = "topic", durable = false)]
struct Two;

#[producer(eks(One = "first", Two = "second.key"))]
trait Bell {
    #[message]
    async fn ring(&self, times: u32);
    #[message(key = "loud")]
    async fn shout(&self);
    #[rpc]
    async fn rung(&self) -> u32;
    #[rpc(key = "loud")]
    async fn shouted(&self) -> u32;
}

#[exchange(name = "behaviour-routes-spare", kind = "fanout", durable = false)]
struct Spare;

#[exchange(name = "behaviour-routes-front", durable = false, alternate = Spare)]
struct Front;

#[producer(exchange = Front, key = "nobody is bound by this")]
trait Door {
    #[rpc]
    async fn knock(&self, times: u32) -> u32;
}

struct BackDoor;

// Its only binding is to what the exchange of its contract cannot route.
#[message_processor(
    exchange = Spare,
    queue(name = "behaviour-routes-back-door", durable = false, auto_delete)
)]
impl Door for BackDoor {
    async fn knock(&self, times: u32) -> u32 {
        times
    }
}

on_every_broker! {
    a_service_behind_an_alternate_exchange_is_reached,
    a_message_goes_to_every_pair_of_its_contract_and_a_call_to_the_first,
    a_method_with_a_key_goes_to_the_first_exchange_under_it,
    a_key_given_to_the_call_replaces_that_of_its_method,
    pairs_given_to_the_call_win_over_its_key,
    a_producer_with_other_pairs_sends_there,
    what_no_queue_takes_is_an_error_that_names_the_route,
    a_producer_without_pairs_says_so,
}

fn bell(broker: &Broker) -> BellProducer {
    BellProducer::new(broker, Fingerprint::new("case", "test"))
}

/// A client of exchanges of this world, one of them direct and one topic.
fn own_bell(world: &World, broker: &Broker) -> (BellProducer, Exchange, Exchange) {
    let one = world.exchange("one", ExchangeKind::Direct);
    let two = world.exchange("two", ExchangeKind::Topic);
    let pairs = [(one.clone(), "first"), (two.clone(), "second.key")];
    (bell(broker).with(|producer| producer.eks(pairs)), one, two)
}

/// The value of a call that the next message of the queue asks for.
async fn answered(
    broker: &Broker,
    requests: &mut postage_core::transport::Subscription,
    call: Call<u32>,
) -> u32 {
    let call = tokio::spawn(call);
    let request = seen(requests).await;
    request.answer(broker, success(&json!(7))).await;
    within("an answer", call).await.unwrap().expect("the call is answered")
}

async fn a_service_behind_an_alternate_exchange_is_reached(world: World) {
    let broker = world.broker().await;
    let serve = broker.serve(BackDoor).into_future();
    let _serving = within("the service", serve).await.expect("it is served");
    let door = DoorProducer::new(&broker, Fingerprint::default());
    assert_eq!(within("an answer", door.knock(3)).await.expect("it is answered"), 3);
}

async fn a_message_goes_to_every_pair_of_its_contract_and_a_call_to_the_first(world: World) {
    let broker = world.broker().await;
    let (first, second) = (world.queue("first"), world.queue("second"));
    declare(&broker, &first).await;
    declare(&broker, &second).await;
    bind(&broker, &One::ROUTE, &first, "first").await;
    bind(&broker, &Two::ROUTE, &second, "second.*").await;
    let mut at_first = consume(&broker, first.name()).await;
    let mut at_second = consume(&broker, second.name()).await;

    within("a confirm", bell(&broker).ring(3)).await.expect("both queues take it");
    for message in [seen(&mut at_first).await, seen(&mut at_second).await] {
        assert_eq!(message.parameters(), json!({ "times": 3 }));
    }
    assert_eq!(answered(&broker, &mut at_first, bell(&broker).rung()).await, 7);
    drop(at_second);
    assert_eq!(left_in(&broker, &second).await, [""; 0]);
}

async fn a_method_with_a_key_goes_to_the_first_exchange_under_it(world: World) {
    let broker = world.broker().await;
    let (bell, one, two) = own_bell(&world, &broker);
    let (loud, second) = (world.queue("loud"), world.queue("second"));
    declare(&broker, &loud).await;
    declare(&broker, &second).await;
    bind(&broker, &one, &loud, "loud").await;
    bind(&broker, &two, &second, "#").await;
    let mut at_loud = consume(&broker, loud.name()).await;

    within("a confirm", bell.shout()).await.expect("the queue takes it");
    let shout = seen(&mut at_loud).await;
    assert_eq!((shout.name().as_str(), shout.route.key()), ("shout", "loud"));
    assert_eq!(answered(&broker, &mut at_loud, bell.shouted()).await, 7);
    assert_eq!(left_in(&broker, &second).await, [""; 0]);
}

async fn a_key_given_to_the_call_replaces_that_of_its_method(world: World) {
    let broker = world.broker().await;
    let (bell, one, _) = own_bell(&world, &broker);
    let queue = world.queue("chosen");
    declare(&broker, &queue).await;
    bind(&broker, &one, &queue, "chosen").await;
    let mut at_queue = consume(&broker, queue.name()).await;

    within("a confirm", bell.shout().key("chosen")).await.expect("the queue takes it");
    within("a confirm", bell.ring(1).key("chosen")).await.expect("the queue takes it");
    assert_eq!(seen(&mut at_queue).await.name(), "shout");
    assert_eq!(seen(&mut at_queue).await.name(), "ring");
    assert_eq!(answered(&broker, &mut at_queue, bell.rung().key("chosen")).await, 7);
}

async fn pairs_given_to_the_call_win_over_its_key(world: World) {
    let broker = world.broker().await;
    let (bell, one, two) = own_bell(&world, &broker);
    let (left, right) = (world.queue("left"), world.queue("right"));
    declare(&broker, &left).await;
    declare(&broker, &right).await;
    bind(&broker, &one, &left, "left").await;
    bind(&broker, &two, &right, "right").await;
    let mut at_left = consume(&broker, left.name()).await;
    let mut at_right = consume(&broker, right.name()).await;

    let pairs = [(two.clone(), "right"), (one.clone(), "left")];
    let ring = bell.ring(2).key("nowhere").eks(pairs.clone());
    within("a confirm", ring).await.expect("both queues take it");
    let ring = bell.ring(2).eks(pairs.clone()).key("nowhere");
    within("a confirm", ring).await.expect("the order of the two makes no difference");
    for _ in 0..2 {
        assert_eq!(seen(&mut at_left).await.name(), "ring");
        assert_eq!(seen(&mut at_right).await.name(), "ring");
    }
    // A call goes to the first of the pairs that it was given.
    let call = bell.shouted().key("nowhere").eks(pairs);
    assert_eq!(answered(&broker, &mut at_right, call).await, 7);
}

async fn a_producer_with_other_pairs_sends_there(world: World) {
    let broker = world.broker().await;
    let (bell, one, _) = own_bell(&world, &broker);
    let queue = world.queue("elsewhere");
    declare(&broker, &queue).await;
    bind(&broker, &one, &queue, "elsewhere").await;

    let elsewhere = bell.with(|producer| producer.eks([(one, "elsewhere")]));
    within("a confirm", elsewhere.ring(1)).await.expect("the queue takes it");
    assert_eq!(left_in(&broker, &queue).await, ["ring"]);
}

async fn what_no_queue_takes_is_an_error_that_names_the_route(world: World) {
    let broker = world.broker().await;
    let (bell, one, _) = own_bell(&world, &broker);
    let queue = world.queue("first");
    declare(&broker, &queue).await;
    bind(&broker, &one, &queue, "first").await;

    // One of the two pairs is served; the sender hears of the other.
    match within("a confirm", bell.ring(1)).await {
        Err(SendError::Unroutable { route }) => assert_eq!(route.key(), "second.key"),
        other => panic!("{other:?}"),
    }
    assert_eq!(left_in(&broker, &queue).await, ["ring"]);
    match within("an answer", bell.shouted()).await {
        Err(CallFault::Unroutable { route }) => {
            assert_eq!((route.exchange(), route.key()), (one.name(), "loud"));
        }
        other => panic!("{other:?}"),
    }
}

async fn a_producer_without_pairs_says_so(world: World) {
    let broker = world.broker().await;
    let producer = Producer::new(&broker, Fingerprint::default());
    assert!(matches!(producer.status("online").await, Err(SendError::NoRoute)));
    assert!(matches!(producer.rpc::<u32>("count", ()).await, Err(CallFault::NoRoute)));
}
