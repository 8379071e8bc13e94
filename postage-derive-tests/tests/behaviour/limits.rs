//! How many calls may be pending, and how deep a body may be nested: who goes beyond is told so.

use std::time::Duration;

use futures_util::future::{join_all, poll_immediate};
use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{
    Call, CallFault, DEFAULT_MAX_DEPTH, EncodeError, MsgPackCodec, Peer, Producer, SendError,
};
use serde_json::{Value, json};

use crate::world::{Anywhere, Place, Seen, World, nothing_more, publish, seen, success, within};

#[producer(exchange = Anywhere, key = "anywhere")]
trait Nester {
    #[rpc]
    async fn copy(&self, value: &Value) -> Value;
    #[rpc]
    async fn nest(&self, levels: usize) -> Value;
}

struct Nest;

#[message_processor]
impl Nest {
    #[rpc_handler]
    fn copy(&self, value: Value) -> Value {
        value
    }

    #[rpc_handler]
    fn nest(&self, levels: usize) -> Value {
        nested(levels)
    }

    #[rpc_handler]
    async fn stay(&self) {
        std::future::pending::<()>().await;
    }

    #[message_handler]
    async fn linger(&self) {
        std::future::pending::<()>().await;
    }

    #[rpc_handler]
    fn burst(&self) {
        panic!("{}", "é".repeat(1_000_000))
    }

    #[message_handler]
    fn fail(&self) -> Result<(), String> {
        Err("é".repeat(1_000_000))
    }
}

on_every_broker! {
    a_call_beyond_the_limit_ends_at_once_and_one_that_ends_makes_room,
    a_call_of_a_python_peer_counts_too,
    a_call_and_a_ticket_that_are_dropped_make_room,
    handles_made_from_one_count_their_calls_together,
    a_python_peers_call_without_a_free_reply_address_in_its_time_is_told_so,
    a_body_nested_over_the_limit_is_an_error_to_its_sender,
    a_request_nested_over_the_limit_is_refused_by_its_receiver,
    an_answer_nested_over_the_services_limit_is_an_exception_to_its_caller,
    an_answer_nested_over_the_callers_limit_is_refused_by_it,
    unset_a_body_may_be_nested_127_levels_deep_in_each_codec,
    message_pack_nested_without_end_is_dead_lettered_and_the_next_is_served,
    a_handler_over_its_time_is_an_exception_to_a_caller_and_fails_a_message,
    a_long_reason_is_cut_in_an_exception_and_in_a_dead_letter,
}

/// Lists in lists.
fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

fn nester(broker: &Broker, place: &Place) -> NesterProducer {
    NesterProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

fn ask(producer: &Producer) -> Call<u32> {
    producer.rpc("ask", ())
}

/// Why a message became a dead letter.
fn error_of(letter: &Seen) -> &str {
    let error = letter.properties.header("postage-error").and_then(|error| error.as_str());
    error.expect("a dead letter says why")
}

/// Says that the call ends at its first poll, for want of room.
#[track_caller]
fn ended_at_once(ended: Option<Result<u32, CallFault>>, most: usize) {
    match ended {
        Some(Err(CallFault::TooManyCalls { limit })) => assert_eq!(limit, most),
        other => panic!("{other:?}"),
    }
}

async fn a_call_beyond_the_limit_ends_at_once_and_one_that_ends_makes_room(world: World) {
    let broker = world.broker().await.with_max_calls(2);
    let place = world.place("pending");
    let requests = &mut place.consume(&broker).await;
    let (one, other) = (place.producer(&broker), place.producer(&broker));
    let call = tokio::spawn(ask(&one));
    let request = seen(requests).await;
    let ticket = within("a ticket", ask(&other).detach()).await.expect("the request is sent");
    seen(requests).await;

    ended_at_once(poll_immediate(ask(&one)).await, 2);
    ended_at_once(poll_immediate(ask(&other)).await, 2);
    let refused = poll_immediate(ask(&one).detach()).await.expect("at once").unwrap_err();
    assert!(refused.to_string().contains("2 calls are pending"), "{refused}");
    nothing_more(&broker, &place.queue, requests).await;

    request.answer(&broker, success(&1.into())).await;
    assert_eq!(within("an answer", call).await.unwrap().expect("it is answered"), 1);
    let next = tokio::spawn(ask(&other));
    seen(requests).await.answer(&broker, success(&2.into())).await;
    assert_eq!(within("an answer", next).await.unwrap().expect("it is answered"), 2);
    drop(ticket);
}

async fn a_call_of_a_python_peer_counts_too(world: World) {
    let broker = world.broker().await.with_max_calls(1);
    let place = world.place("pending");
    let requests = &mut place.consume(&broker).await;
    let (ours, python) = (place.producer(&broker), place.producer(&broker).peer(Peer::Python));
    let call = tokio::spawn(ask(&python));
    let request = seen(requests).await;
    ended_at_once(poll_immediate(ask(&python)).await, 1);
    ended_at_once(poll_immediate(ask(&ours)).await, 1);
    request.answer_with(&broker, Properties::default(), success(&1.into())).await;
    assert_eq!(within("an answer", call).await.unwrap().expect("it is answered"), 1);

    let ticket = within("a ticket", ask(&ours).detach()).await.expect("the request is sent");
    ended_at_once(poll_immediate(ask(&python)).await, 1);
    drop(ticket);
}

async fn a_call_and_a_ticket_that_are_dropped_make_room(world: World) {
    let broker = world.broker().await.with_max_calls(1);
    let place = world.place("pending");
    place.declare(&broker).await;
    let producer = place.producer(&broker);
    for _ in 0..3 {
        drop(within("a ticket", ask(&producer).detach()).await.expect("the request is sent"));
        let mut call = ask(&producer);
        assert!(poll_immediate(&mut call).await.is_none());
        ended_at_once(poll_immediate(ask(&producer)).await, 1);
        drop(call);
    }
    // One that never began holds no room.
    let unasked = ask(&producer);
    drop(within("a ticket", ask(&producer).detach()).await.expect("the request is sent"));
    drop(unasked);
}

async fn handles_made_from_one_count_their_calls_together(world: World) {
    let broker = world.broker().await.with_max_calls(1);
    let place = world.place("pending");
    place.declare(&broker).await;
    let producer = place.producer(&broker);
    let ticket = within("a ticket", ask(&producer).detach()).await.expect("the request is sent");
    for other in
        [broker.with_codec(MsgPackCodec), broker.with_max_depth(9), broker.with_debug(false)]
    {
        ended_at_once(poll_immediate(ask(&place.producer(&other))).await, 1);
    }
    // A limit of its own counts by itself.
    let apart = place.producer(&broker.with_max_calls(1));
    drop(within("a ticket", ask(&apart).detach()).await.expect("the request is sent"));
    drop(ticket);
}

async fn a_python_peers_call_without_a_free_reply_address_in_its_time_is_told_so(world: World) {
    const MOST: usize = 256;
    let broker = world.broker().await;
    let place = world.place("pending");
    place.declare(&broker).await;
    let python = place.producer(&broker).peer(Peer::Python);
    let tickets = (0..MOST).map(|_| ask(&python).detach());
    let mut tickets: Vec<_> = within("the tickets", join_all(tickets)).await;
    assert!(tickets.iter().all(Result::is_ok));

    let one_more = || ask(&python).timeout(Duration::from_millis(100)).max_retry(1);
    let ended = within("the end of the call", one_more()).await;
    assert!(matches!(ended, Err(CallFault::TooManyCalls { limit: MOST })), "{ended:?}");
    let detached = within("the end of the call", one_more().detach()).await.map(drop);
    assert!(matches!(detached, Err(CallFault::TooManyCalls { limit: MOST })), "{detached:?}");

    // Handles that are made from this one share the channels of the connection.
    let beside = place.producer(&broker.with_max_depth(9)).peer(Peer::Python);
    let ended = ask(&beside).timeout(Duration::from_millis(100)).max_retry(1);
    let ended = within("the end of the call", ended).await;
    assert!(matches!(ended, Err(CallFault::TooManyCalls { limit: MOST })), "{ended:?}");

    drop(tickets.pop());
    drop(within("a ticket", ask(&python).detach()).await.expect("the request is sent"));
}

async fn a_body_nested_over_the_limit_is_an_error_to_its_sender(world: World) {
    // The envelope, its content, its parameters, and a value of three levels.
    let broker = world.broker().await.with_max_depth(6);
    let place = world.place("nest");
    let _serving = place.serve(&broker, Nest).await;
    let nester = nester(&broker, &place);
    assert_eq!(within("an answer", nester.copy(&nested(3))).await.unwrap(), nested(3));
    match within("the error", nester.copy(&nested(4))).await {
        Err(CallFault::Encode(EncodeError::Codec { name, reason })) => {
            assert!(name.contains("copy") && reason.contains("limit of 6 levels"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let sent = within("the error", nester.producer().command("copy", [nested(3), nested(4)])).await;
    assert!(matches!(sent, Err(SendError::Encode(EncodeError::Codec { .. }))), "{sent:?}");
    let forwarded = within("the error", nester.producer().forward("[".repeat(7))).await;
    assert!(matches!(forwarded, Err(SendError::Encode(_))), "{forwarded:?}");
}

async fn a_request_nested_over_the_limit_is_refused_by_its_receiver(world: World) {
    let broker = world.broker().await;
    let place = world.place("nest");
    let mut dead = place.dead_letters(&broker).await;
    let _serving = place.serve(&broker.with_max_depth(6), Nest).await;
    let nester = nester(&broker, &place);
    match within("an answer", nester.copy(&nested(4))).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "MalformedMessage");
            assert!(raised.message.contains("deeper than the limit of 6 levels"), "{raised}");
        }
        other => panic!("{other:?}"),
    }
    let letter = seen(&mut dead).await;
    assert!(error_of(&letter).contains("limit of 6 levels"), "{}", error_of(&letter));
    assert_eq!(letter.name(), "copy");
    assert_eq!(within("an answer", nester.copy(&nested(3))).await.unwrap(), nested(3));
}

async fn an_answer_nested_over_the_services_limit_is_an_exception_to_its_caller(world: World) {
    let broker = world.broker().await;
    let place = world.place("nest");
    let _serving = place.serve(&broker.with_max_depth(6), Nest).await;
    let nester = nester(&broker, &place);
    // The envelope and its content take two levels of an answer.
    assert_eq!(within("an answer", nester.nest(4)).await.unwrap(), nested(4));
    match within("an answer", nester.nest(5)).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "InvalidResult");
            assert!(raised.message.contains("deeper than the limit of 6 levels"), "{raised}");
        }
        other => panic!("{other:?}"),
    }
}

async fn an_answer_nested_over_the_callers_limit_is_refused_by_it(world: World) {
    let broker = world.broker().await;
    let place = world.place("nest");
    let _serving = place.serve(&broker, Nest).await;
    let nester = nester(&broker.with_max_depth(6), &place);
    match within("the end of the call", nester.nest(5)).await {
        Err(CallFault::Malformed { reason }) => {
            assert!(reason.contains("deeper than the limit of 6 levels"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(within("an answer", nester.nest(4)).await.unwrap(), nested(4));
}

async fn unset_a_body_may_be_nested_127_levels_deep_in_each_codec(world: World) {
    let broker = world.broker().await;
    let packed = broker.with_codec(MsgPackCodec);
    let place = world.place("nest");
    let _serving = place.serve(&packed, Nest).await;
    for client in [&broker, &packed, &packed.with_max_depth(usize::MAX)] {
        let nester = nester(client, &place);
        let deepest = nested(DEFAULT_MAX_DEPTH - 3);
        assert_eq!(within("an answer", nester.copy(&deepest)).await.unwrap(), deepest);
        match within("the error", nester.copy(&nested(DEFAULT_MAX_DEPTH - 2))).await {
            Err(CallFault::Encode(error)) => {
                assert!(error.to_string().contains("limit of 127 levels"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn message_pack_nested_without_end_is_dead_lettered_and_the_next_is_served(world: World) {
    let broker = world.broker().await.with_codec(MsgPackCodec);
    let place = world.place("nest");
    let mut dead = place.dead_letters(&broker).await;
    let _serving = place.serve(&broker, Nest).await;
    let mut properties = Properties::default();
    properties.content_type = Some("application/msgpack".into());
    publish(&broker, &place, properties, vec![0x91; 100_000]).await;
    let letter = seen(&mut dead).await;
    assert!(error_of(&letter).contains("depth"), "{}", error_of(&letter));
    let value = json!({"a": nested(3)});
    assert_eq!(within("an answer", nester(&broker, &place).copy(&value)).await.unwrap(), value);
}

async fn a_handler_over_its_time_is_an_exception_to_a_caller_and_fails_a_message(world: World) {
    let broker = world.broker().await;
    let place = world.place("nest");
    let mut dead = place.dead_letters(&broker).await;
    let time = Duration::from_millis(200);
    let _serving = place.serve_with(&broker, Nest, |serve| serve.handler_time(time)).await;
    let producer = place.producer(&broker);
    match within("an answer", producer.rpc::<()>("stay", ())).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "HandlerTimeout");
            assert!(raised.message.contains("longer than 200ms"), "{raised}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(seen(&mut dead).await.name(), "stay");
    within("a confirm", producer.command("linger", ())).await.expect("it is taken");
    let letter = seen(&mut dead).await;
    assert!(error_of(&letter).contains("longer than 200ms"), "{}", error_of(&letter));
    assert_eq!(letter.name(), "linger");
}

async fn a_long_reason_is_cut_in_an_exception_and_in_a_dead_letter(world: World) {
    let broker = world.broker().await;
    let place = world.place("nest");
    let mut dead = place.dead_letters(&broker).await;
    let _serving = place.serve(&broker, Nest).await;
    let producer = place.producer(&broker);
    match within("an answer", producer.rpc::<()>("burst", ())).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!((&*raised.name, raised.message.chars().count()), ("Panic", 1_000));
        }
        other => panic!("{other:?}"),
    }
    let length = error_of(&seen(&mut dead).await).len();
    assert!((1_000..=2_048).contains(&length), "{length}");
    within("a confirm", producer.command("fail", ())).await.expect("it is taken");
    assert_eq!(error_of(&seen(&mut dead).await).len(), 2_048);
}
