//! The built-in commands, and what a service does with messages that it does not know.

use postage_core::CallFault;
use postage_core::prelude::*;
use serde_json::json;

use crate::world::{DEADLINE, Voice, World, left_in, line, within};

struct Plain {
    voice: Voice,
}

#[message_processor]
impl Plain {
    #[message_handler]
    async fn ping(&self) {
        self.voice.say("ping");
    }

    #[message_handler]
    async fn enough(&self, #[context] cx: &Context) {
        cx.stop_service();
    }

    #[rpc_handler]
    async fn zero(&self) -> u32 {
        0
    }

    #[rpc_handler]
    async fn another(&self) -> u32 {
        1
    }
}

/// It has commands of these names itself.
struct Stubborn {
    voice: Voice,
}

#[message_processor]
impl Stubborn {
    #[message_handler]
    async fn quit(&self) {
        self.voice.say("I will not quit");
    }

    #[message_handler]
    async fn restart(&self) {
        self.voice.say("I will not restart");
    }
}

/// It has turned them off.
struct Deaf {
    voice: Voice,
}

#[message_processor(quit = false, restart = false)]
impl Deaf {
    #[message_handler]
    async fn ping(&self) {
        self.voice.say("ping");
    }
}

on_every_broker! {
    quit_stops_the_service,
    restart_stops_the_service_with_the_wish_to_be_started_again,
    a_handler_stops_its_service,
    a_service_that_has_turned_them_off_by_attribute_goes_on,
    a_service_that_has_turned_them_off_when_served_goes_on,
    handlers_of_ones_own_win_over_the_built_in_ones,
    quit_as_a_call_or_a_status_is_no_command_to_stop,
    an_unknown_call_raises_and_names_what_is_known,
    a_long_name_makes_no_long_answer,
    a_message_that_nobody_handles_is_acknowledged,
}

async fn quit_stops_the_service(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let serving = place.serve(&broker, Plain { voice: line().0 }).await;
    within("a confirm", place.producer(&broker).command("quit", ())).await.expect("it is taken");
    assert!(matches!(within("the stop", serving.stopped()).await, Stopped::Quit));
    within("a drain", serving.drain(DEADLINE)).await;
    // What comes later waits for the next service.
    within("a confirm", place.producer(&broker).command("ping", ())).await.expect("it is taken");
    assert_eq!(left_in(&broker, &place.queue).await, ["ping"]);
}

async fn restart_stops_the_service_with_the_wish_to_be_started_again(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let serving = place.serve(&broker, Plain { voice: line().0 }).await;
    within("a confirm", place.producer(&broker).command("restart", ())).await.expect("it is taken");
    assert!(matches!(within("the stop", serving.stopped()).await, Stopped::Restart));
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0], "the command is done with");
}

async fn a_handler_stops_its_service(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let serving = place.serve(&broker, Plain { voice: line().0 }).await;
    within("a confirm", place.producer(&broker).command("enough", ())).await.expect("it is taken");
    assert!(matches!(within("the stop", serving.stopped()).await, Stopped::Quit));
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn goes_on(producer: &Producer, ear: &mut crate::world::Ear) {
    for name in ["quit", "restart", "ping"] {
        within("a confirm", producer.command(name, ())).await.expect("it is taken");
    }
    assert_eq!(ear.hears().await, "ping");
    within("a confirm", producer.command("ping", ())).await.expect("it is taken");
    assert_eq!(ear.hears().await, "ping");
}

async fn a_service_that_has_turned_them_off_by_attribute_goes_on(world: World) {
    let broker = world.broker().await;
    let place = world.place("deaf");
    let (voice, mut ear) = line();
    let _serving = place.serve_with(&broker, Deaf { voice }, |serve| serve.concurrency(1)).await;
    goes_on(&place.producer(&broker), &mut ear).await;
}

async fn a_service_that_has_turned_them_off_when_served_goes_on(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let (voice, mut ear) = line();
    let off = |serve: postage_core::Serve| serve.quit(false).restart(false).concurrency(1);
    let _serving = place.serve_with(&broker, Plain { voice }, off).await;
    goes_on(&place.producer(&broker), &mut ear).await;
}

async fn handlers_of_ones_own_win_over_the_built_in_ones(world: World) {
    let broker = world.broker().await;
    let place = world.place("stubborn");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Stubborn { voice }).await;
    for name in ["quit", "restart", "quit"] {
        let message = place.producer(&broker).command(name, ());
        within("a confirm", message).await.expect("it is taken");
        assert_eq!(ear.hears().await, format!("I will not {name}"));
    }
}

async fn quit_as_a_call_or_a_status_is_no_command_to_stop(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let (voice, mut ear) = line();
    let _serving = place.serve_with(&broker, Plain { voice }, |serve| serve.concurrency(1)).await;
    let producer = place.producer(&broker);
    let called = within("an answer", producer.rpc::<u32>("quit", ())).await;
    assert!(matches!(called, Err(CallFault::Exception(_))), "{called:?}");
    within("a confirm", producer.status("quit")).await.expect("it is taken");
    within("a confirm", producer.command("ping", ())).await.expect("it is taken");
    assert_eq!(ear.hears().await, "ping");
}

async fn an_unknown_call_raises_and_names_what_is_known(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let serving = place.serve(&broker, Plain { voice: line().0 }).await;
    let producer = place.producer(&broker);
    match within("an answer", producer.rpc::<u32>("zeros", json!({ "a": 1 }))).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "UnknownCommand");
            let text = "`Plain` does not answer command `zeros`: did you mean `zero`? It answers: \
                        another, zero";
            assert_eq!(raised.message, text);
        }
        other => panic!("{other:?}"),
    }
    match within("an answer", producer.rpc::<u32>("count", ())).await {
        Err(CallFault::Exception(raised)) => {
            let text = "`Plain` does not answer command `count`; it answers: another, zero";
            assert_eq!(raised.message, text);
        }
        other => panic!("{other:?}"),
    }
    // A message handler's name is no answer to a call.
    let called = within("an answer", producer.rpc::<u32>("ping", ())).await;
    assert!(
        matches!(&called, Err(CallFault::Exception(raised)) if raised.name == "UnknownCommand")
    );
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}

async fn a_long_name_makes_no_long_answer(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let _serving = place.serve(&broker, Plain { voice: line().0 }).await;
    let long = "z".repeat(1_000_000);
    match within("an answer", place.producer(&broker).rpc::<u32>(long, ())).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "UnknownCommand");
            assert!(raised.message.len() < 400, "{} bytes", raised.message.len());
            assert!(raised.message.contains("it answers: another, zero"), "{raised}");
        }
        other => panic!("{other:?}"),
    }
}

async fn a_message_that_nobody_handles_is_acknowledged(world: World) {
    let broker = world.broker().await;
    let place = world.place("plain");
    let (voice, mut ear) = line();
    let serving = place.serve_with(&broker, Plain { voice }, |serve| serve.concurrency(1)).await;
    let producer = place.producer(&broker);
    let unknown = [
        producer.command("pong", ()),
        producer.status("ping"),
        producer.message((1,), ()),
        producer.command("zero", ()),
        producer.command("ping", ()),
    ];
    for message in unknown {
        within("a confirm", message).await.expect("it is taken");
    }
    assert_eq!(ear.hears().await, "ping");
    within("a drain", serving.drain(DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}
