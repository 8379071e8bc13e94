//! Several versions of a contract at one service, and a signature that travels with each call.

use std::sync::Arc;

use postage_core::prelude::*;
use postage_core::transport::{Properties, Subscription};
use postage_core::{CallFault, FieldValue, ServeError};
use serde_json::{Value, json};

use crate::world::{
    Anywhere, Ear, Place, Voice, World, consume, line, nothing_more, publish, seen, within,
};

/// What one may ask of the desk, and what has become of that.
mod v1 {
    use super::Anywhere;
    use postage_core::prelude::*;

    #[producer(exchange = Anywhere, key = "anywhere", version = "1")]
    pub(super) trait Desk {
        #[rpc]
        async fn place(&self, item: &str) -> u32;
        #[message]
        async fn note(&self, text: &str);
    }
}

mod v2 {
    use super::Anywhere;
    use postage_core::prelude::*;

    #[producer(exchange = Anywhere, key = "anywhere", version = "2")]
    pub(super) trait Desk {
        #[rpc]
        async fn place(&self, item: &str, quantity: u32) -> Result<u64, String>;
        #[message]
        async fn note(&self, text: &str, urgent: bool);
    }
}

mod v3 {
    use super::Anywhere;
    use postage_core::prelude::*;

    #[producer(exchange = Anywhere, key = "anywhere", version = "3")]
    pub(super) trait Desk {
        #[rpc]
        async fn place(&self, order: Vec<String>) -> u64;
        #[message]
        async fn note(&self, lines: Vec<String>);
        #[rpc]
        async fn cancel(&self, number: u64) -> bool;
    }
}

struct Shared {
    voice: Voice,
}

struct V1(Arc<Shared>);
struct V2(Arc<Shared>);

#[message_processor]
impl v1::Desk for V1 {
    async fn place(&self, item: &str) -> u32 {
        self.0.voice.say(format!("1: place {item}"));
        1
    }

    async fn note(&self, text: &str) {
        self.0.voice.say(format!("1: note {text}"));
    }
}

#[message_processor]
impl v2::Desk for V2 {
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, String> {
        self.0.voice.say(format!("2: place {quantity} {item}"));
        if quantity > 3 { Err("only 3 are left".to_owned()) } else { Ok(2) }
    }

    async fn note(&self, text: &str, urgent: bool) {
        self.0.voice.say(format!("2: note {text} {urgent}"));
    }
}

/// Takes any version: it is beyond any contract.
struct Clerk(Arc<Shared>);

#[message_processor]
impl Clerk {
    #[rpc_handler]
    async fn place(&self, #[context] cx: &Context) -> u32 {
        self.0.voice.say(format!("any: place {:?}", cx.header("postage-version")));
        0
    }

    #[message_handler]
    async fn note(&self) {
        self.0.voice.say("any: note");
    }
}

on_every_broker! {
    clients_of_two_versions_are_served_by_one_process_each_by_its_own,
    a_client_of_a_version_that_is_not_served_is_told_which_are,
    a_call_of_a_version_that_is_not_served_is_no_dead_letter_and_a_message_is_one,
    a_request_without_a_version_goes_to_the_version_that_was_served_first,
    handlers_without_a_version_take_every_version_that_has_no_handlers_of_its_own,
    an_untyped_caller_says_its_version_by_producer_or_call,
    version_and_signature_travel_in_headers_and_the_body_is_as_without_them,
    an_application_says_the_version_and_the_signature_of_its_handlers,
    a_changed_type_is_incompatible_and_neither_decoded_nor_handled,
    a_message_of_a_changed_type_is_a_dead_letter_that_says_why,
    an_optional_parameter_more_is_fine_both_ways,
    a_signature_that_is_none_is_passed_over_and_none_is_no_mistake,
    a_request_that_comes_again_is_told_the_same,
}

/// A service of versions 1 and 2.
async fn two_versions(broker: &Broker, place: &Place) -> (Serving, Ear) {
    let (voice, ear) = line();
    let desk = Arc::new(Shared { voice });
    let serving = place.serve_with(broker, V1(Arc::clone(&desk)), |serve| serve.and(V2(desk)));
    (serving.await, ear)
}

macro_rules! client {
    ($client:ty, $broker:expr, $place:expr) => {
        <$client>::new($broker, Fingerprint::default()).with(|it| it.eks($place.eks()))
    };
}

fn reason(fault: &CallFault) -> &str {
    match fault {
        CallFault::Incompatible { reason } => reason,
        other => panic!("{other:?}"),
    }
}

async fn clients_of_two_versions_are_served_by_one_process_each_by_its_own(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (_serving, mut ear) = two_versions(&broker, &place).await;
    let old = client!(v1::DeskProducer, &broker, place);
    let new = client!(v2::DeskProducer, &broker, place);

    assert_eq!(within("an answer", old.place("anvil")).await.unwrap(), 1);
    assert_eq!(within("an answer", new.place("anvil", 2)).await.unwrap(), 2);
    match within("an answer", new.place("anvil", 4)).await {
        Err(CallError::Documented(refusal)) => assert_eq!(refusal, "only 3 are left"),
        other => panic!("{other:?}"),
    }
    for heard in ["1: place anvil", "2: place 2 anvil", "2: place 4 anvil"] {
        assert_eq!(ear.hears().await, heard);
    }
    old.note("rain").await.unwrap();
    assert_eq!(ear.hears().await, "1: note rain");
    new.note("snow", true).await.unwrap();
    assert_eq!(ear.hears().await, "2: note snow true");
    assert!(ear.rest().is_empty());
}

async fn a_client_of_a_version_that_is_not_served_is_told_which_are(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (_serving, mut ear) = two_versions(&broker, &place).await;
    let newest = client!(v3::DeskProducer, &broker, place);

    let told = within("an answer", newest.place(vec!["anvil".into()])).await.unwrap_err();
    let text = "this service answers command `place` in versions 1 and 2; version 3 was asked for";
    assert_eq!(reason(&told), text);
    assert_eq!(told.to_string(), format!("the service has another contract: {text}"));
    // What no version has is unknown as ever.
    match within("an answer", newest.cancel(1)).await.unwrap_err() {
        CallFault::Exception(exception) => assert_eq!(exception.name, "UnknownCommand"),
        other => panic!("{other:?}"),
    }
    assert!(ear.rest().is_empty());
}

async fn a_call_of_a_version_that_is_not_served_is_no_dead_letter_and_a_message_is_one(
    world: World,
) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (_serving, mut ear) = two_versions(&broker, &place).await;
    let dead = &mut consume(&broker, place.dead.name()).await;
    let newest = client!(v3::DeskProducer, &broker, place);

    within("an answer", newest.place(Vec::new())).await.unwrap_err();
    newest.note(vec!["rain".to_owned()]).await.unwrap();
    let letter = seen(dead).await;
    assert_eq!(letter.name(), "note");
    assert_eq!(
        letter.properties.header("postage-error"),
        Some(&text(
            "Incompatible: this service takes command `note` in versions 1 and 2; version 3 was asked for"
        ))
    );
    nothing_more(&broker, &place.dead, dead).await;
    assert!(ear.rest().is_empty());
}

async fn a_request_without_a_version_goes_to_the_version_that_was_served_first(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (_serving, mut ear) = two_versions(&broker, &place).await;
    let untyped = place.producer(&broker);

    let number = untyped.rpc::<u32>("place", json!({"item": "anvil", "quantity": 9}));
    assert_eq!(within("an answer", number).await.unwrap(), 1);
    assert_eq!(ear.hears().await, "1: place anvil");
    untyped.command("note", "rain").await.unwrap();
    assert_eq!(ear.hears().await, "1: note rain");
    assert!(ear.rest().is_empty());
}

async fn handlers_without_a_version_take_every_version_that_has_no_handlers_of_its_own(
    world: World,
) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (voice, mut ear) = line();
    let desk = Arc::new(Shared { voice });
    let _serving =
        place.serve_with(&broker, V1(Arc::clone(&desk)), |serve| serve.and(Clerk(desk))).await;
    let untyped = place.producer(&broker);
    for (version, heard) in [
        (None, "any: place None"),
        (Some("1"), "1: place anvil"),
        (Some("2"), "any: place Some(Text(\"2\"))"),
    ] {
        let call = untyped.rpc::<u32>("place", json!({"item": "anvil"}));
        let call = match version {
            None => call,
            Some(version) => call.version(version),
        };
        within("an answer", call).await.unwrap();
        assert_eq!(ear.hears().await, heard);
    }
    client!(v2::DeskProducer, &broker, place).note("snow", true).await.unwrap();
    assert_eq!(ear.hears().await, "any: note");
    client!(v1::DeskProducer, &broker, place).note("rain").await.unwrap();
    assert_eq!(ear.hears().await, "1: note rain");
    assert!(ear.rest().is_empty());
}

async fn an_untyped_caller_says_its_version_by_producer_or_call(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let (_serving, mut ear) = two_versions(&broker, &place).await;
    let untyped = place.producer(&broker).version("2");
    let order = json!({"item": "anvil", "quantity": 3});

    within("an answer", untyped.rpc::<u64>("place", &order)).await.unwrap();
    assert_eq!(ear.hears().await, "2: place 3 anvil");
    within("an answer", untyped.rpc::<u64>("place", &order).version("1")).await.unwrap();
    assert_eq!(ear.hears().await, "1: place anvil");
    untyped.command("note", "rain").version("1").await.unwrap();
    assert_eq!(ear.hears().await, "1: note rain");
    // A number says the same, as a peer of another make may.
    let number = place.producer(&broker).rpc::<u64>("place", &order).header("postage-version", 2);
    within("an answer", number).await.unwrap();
    assert_eq!(ear.hears().await, "2: place 3 anvil");
}

fn text(text: &'static str) -> FieldValue {
    FieldValue::from(text)
}

fn headers(properties: &Properties) -> [Option<&FieldValue>; 2] {
    ["postage-version", "postage-signature"].map(|name| properties.header(name))
}

async fn version_and_signature_travel_in_headers_and_the_body_is_as_without_them(world: World) {
    let broker = world.broker().await;
    let place = world.place("desk");
    let messages = &mut place.consume(&broker).await;
    let client = client!(v2::DeskProducer, &broker, place);

    let call = tokio::spawn(client.place("anvil", 2));
    let request = seen(messages).await;
    let signature = text("item:str,quantity:u32->u64");
    assert_eq!(headers(&request.properties), [Some(&text("2")), Some(&signature)]);
    let body = json!({
        "type": "command", "name": "place", "category": "rpc", "version": "2",
        "fingerprint": request.json()["fingerprint"], "_reserved": {},
        "content": {"parameters": {"item": "anvil", "quantity": 2}},
    });
    assert_eq!(request.json(), body);
    call.abort();

    client.note("rain", false).await.unwrap();
    let message = seen(messages).await;
    let signature = text("text:str,urgent:bool");
    assert_eq!(headers(&message.properties), [Some(&text("2")), Some(&signature)]);

    // Without a version there is no header for it, and without a contract neither.
    same::ServerProducer::new(&broker, Fingerprint::default())
        .with(|producer| producer.eks(place.eks()))
        .note("rain")
        .await
        .unwrap();
    assert_eq!(headers(&seen(messages).await.properties), [None, Some(&text("text:str"))]);
    client.producer().command("note", "rain").await.unwrap();
    assert_eq!(headers(&seen(messages).await.properties), [Some(&text("2")), None]);
    place.producer(&broker).command("note", "rain").await.unwrap();
    assert_eq!(headers(&seen(messages).await.properties), [None, None]);
}

async fn an_application_says_the_version_and_the_signature_of_its_handlers(world: World) {
    let broker = world.broker().await;
    let (voice, _ear) = line();
    let desk = Arc::new(Shared { voice });
    let name = world.name("desk");
    let serve = broker.serve(V1(Arc::clone(&desk))).and(V2(Arc::clone(&desk))).and(Clerk(desk));
    let application = within("the start", serve.application(name).into_future()).await.unwrap();
    let commands = postage_core::ApplicationCommandsProducer::new(&broker, Fingerprint::default())
        .with(|producer| producer.to(postage_core::Address::unique(application.fingerprint())));
    let described = within("an answer", commands.describe_application()).await.unwrap();
    let said = described.handlers.iter().filter(|handler| handler.name == "place");
    let said: Vec<_> = said.map(|it| (it.version.as_deref(), it.signature.as_deref())).collect();
    assert_eq!(
        said,
        [
            (Some("1"), Some("item:str->u32")),
            (Some("2"), Some("item:str,quantity:u32->u64")),
            (None, None),
        ]
    );
}

/// A contract without a version, as it was and as it has become.
mod same {
    use super::Anywhere;
    use postage_core::prelude::*;

    #[producer(exchange = Anywhere, key = "anywhere")]
    pub(super) trait Server {
        #[rpc]
        async fn count(&self, aisle: u64) -> u64;
        #[message]
        async fn note(&self, text: &str);
        #[rpc]
        async fn list(&self, aisle: u64, limit: Option<u32>, #[default(7)] year: u16)
        -> Option<u8>;
    }
}

mod changed {
    use super::Anywhere;
    use postage_core::prelude::*;

    #[producer(exchange = Anywhere, key = "anywhere")]
    pub(super) trait Server {
        #[rpc]
        async fn count(&self, aisle: u32) -> u64;
        #[message]
        async fn note(&self, text: u32);
        #[rpc]
        async fn list(&self, aisle: u64) -> Option<u8>;
    }
}

struct Server(Voice);

#[message_processor]
impl same::Server for Server {
    async fn count(&self, aisle: u64) -> u64 {
        self.0.say(format!("count {aisle}"));
        aisle * 2
    }

    async fn note(&self, text: &str) {
        self.0.say(text);
    }

    async fn list(&self, aisle: u64, limit: Option<u32>, year: u16) -> Option<u8> {
        self.0.say(format!("list {aisle} {limit:?} {year}"));
        None
    }
}

struct Changed(Voice);

#[message_processor]
impl changed::Server for Changed {
    async fn count(&self, aisle: u32) -> u64 {
        aisle.into()
    }

    async fn note(&self, text: u32) {
        self.0.say(text.to_string());
    }

    async fn list(&self, aisle: u64) -> Option<u8> {
        self.0.say(format!("list {aisle}"));
        Some(1)
    }
}

async fn a_changed_type_is_incompatible_and_neither_decoded_nor_handled(world: World) {
    let broker = world.broker().await;
    let place = world.place("server");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Server(voice)).await;
    let changed = client!(changed::ServerProducer, &broker, place);

    // The value itself would do: nobody has looked at it.
    let told = within("an answer", changed.count(3)).await.unwrap_err();
    assert_eq!(reason(&told), "`count` takes `aisle` as u64, the request has u32");
    // Nor is one looked at that cannot be decoded.
    let raw = place.producer(&broker).rpc::<u64>("count", json!({"aisle": ["no number"]}));
    let told = within("an answer", raw.header("postage-signature", "aisle:[str]->u64")).await;
    let told = told.unwrap_err();
    assert_eq!(reason(&told), "`count` takes `aisle` as u64, the request has [str]");
    assert!(ear.rest().is_empty());
}

async fn a_message_of_a_changed_type_is_a_dead_letter_that_says_why(world: World) {
    let broker = world.broker().await;
    let place = world.place("server");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Server(voice)).await;
    let dead: &mut Subscription = &mut consume(&broker, place.dead.name()).await;

    client!(changed::ServerProducer, &broker, place).note(1).await.unwrap();
    let letter = seen(dead).await;
    let why = "Incompatible: `note` takes `text` as str, the request has u32";
    assert_eq!(letter.properties.header("postage-error"), Some(&text(why)));
    assert_eq!(letter.properties.header("postage-handler"), Some(&text("note")));
    assert!(ear.rest().is_empty());
}

async fn an_optional_parameter_more_is_fine_both_ways(world: World) {
    let broker = world.broker().await;
    let (with, without) = (world.place("with"), world.place("without"));
    let (voice, mut ear) = line();
    let _with = with.serve(&broker, Server(voice.clone())).await;
    let _without = without.serve(&broker, Changed(voice)).await;

    let lacks = client!(changed::ServerProducer, &broker, with);
    assert_eq!(within("an answer", lacks.list(1)).await.unwrap(), None);
    assert_eq!(ear.hears().await, "list 1 None 7");
    let has = client!(same::ServerProducer, &broker, without);
    assert_eq!(within("an answer", has.list(1, Some(2), 3)).await.unwrap(), Some(1));
    assert_eq!(ear.hears().await, "list 1");
}

async fn a_signature_that_is_none_is_passed_over_and_none_is_no_mistake(world: World) {
    let broker = world.broker().await;
    let place = world.place("server");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Server(voice)).await;
    let signatures: [Option<FieldValue>; 4] =
        [None, Some(text("aisle: u64 -> u64")), Some(text("[[[[")), Some(7.into())];
    for signature in signatures {
        let call = place.producer(&broker).rpc::<u64>("count", json!({"aisle": 2}));
        let call = match signature {
            None => call,
            Some(signature) => call.header("postage-signature", signature),
        };
        assert_eq!(within("an answer", call).await.unwrap(), 4);
        assert_eq!(ear.hears().await, "count 2");
    }
}

async fn a_request_that_comes_again_is_told_the_same(world: World) {
    let broker = world.broker().await;
    let place = world.place("server");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Server(voice)).await;
    let answers = world.queue("answers");
    crate::world::declare(&broker, &answers).await;
    let replies = &mut consume(&broker, answers.name()).await;
    let body = json!({
        "type": "command", "name": "count", "category": "rpc", "content": {"parameters": {"aisle": 1}},
    });
    let mut told: Vec<Value> = Vec::new();
    for _ in 0..2 {
        let mut properties = Properties::default();
        properties.reply_to = Some(answers.name().to_owned().into());
        properties.message_id = Some("the same".into());
        properties.set_header("postage-signature", "->u64");
        publish(&broker, &place, properties, body.to_string()).await;
        told.push(seen(replies).await.json()["content"].clone());
    }
    let text = "`count` takes `aisle` as u64, the request has none";
    let exception = json!({"type": "exception", "value": "Incompatible", "message": text});
    assert_eq!(told, [exception.clone(), exception]);
    assert!(ear.rest().is_empty());
}

#[tokio::test]
async fn one_version_served_twice_has_two_answers() {
    let broker = Broker::memory();
    let desk = Arc::new(Shared { voice: line().0 });
    let serve = broker.serve(V2(Arc::clone(&desk))).and(V1(Arc::clone(&desk))).and(V2(desk));
    let error = serve.queue(Queue::new("desk")).await.unwrap_err();
    let text = "`V2` has two RPC handlers for command `place` of version 2: only one could answer";
    assert_eq!(error.to_string(), text);
    assert!(matches!(error, ServeError::TwoAnswers { version: Some("2"), .. }));
}

#[test]
fn a_contract_says_its_version_and_so_do_its_methods() {
    assert_eq!(v2::Desk.version(), Some("2"));
    assert!(v2::Desk.methods().iter().all(|method| method.version() == Some("2")));
    assert_eq!(same::Server.version(), None);
    assert_eq!(same::Server.methods()[0].version(), None);
    let list = same::Server.methods()[2].signature();
    assert_eq!(list, Some("aisle:u64,limit:u32?,year:u16=->u8?"));
}
