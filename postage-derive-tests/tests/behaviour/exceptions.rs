//! What a caller is told of what went wrong: class, module, text, causes, state, arguments.

use std::error::Error;
use std::fmt;
use std::num::ParseIntError;

use postage_core::prelude::*;
use postage_core::{CallFault, Envelope, FieldValue, RemoteError, RemoteException, Retry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{Anywhere, Place, Voice, World, line, seen, within};

/// A documented error with a chain of causes.
#[derive(Debug, Serialize, Deserialize)]
struct Damaged {
    shelf: u32,
    #[serde(skip)]
    cause: Option<Broken>,
}

#[derive(Debug)]
struct Broken(ParseIntError);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shelf {} cannot be read", self.shelf)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its label is broken")
    }
}

impl Error for Damaged {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn damaged(shelf: u32) -> Damaged {
    Damaged { shelf, cause: "nine".parse::<u32>().err().map(Broken) }
}

const CAUSES: [&str; 2] = ["its label is broken", "invalid digit found in string"];

/// A documented error that is no [`Error`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SoldOut {
    left: u32,
}

impl fmt::Display for SoldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "only {} left", self.left)
    }
}

/// One that says more than any peer does.
fn everything() -> RemoteException {
    RemoteException::new("Shut", "the stock is shut")
        .with_module("stock::hours")
        .with_trace(["it is night", "the sun is down"])
        .with_state(json!({"until": {"hour": 9}}))
        .with_arguments([json!("front"), json!(2)])
}

#[producer(exchange = Anywhere, key = "anywhere")]
trait Stock {
    #[rpc]
    async fn label(&self, shelf: u32) -> Result<String, Damaged>;
    #[rpc]
    async fn take(&self, count: u32) -> Result<u32, SoldOut>;
    #[rpc]
    async fn lend(&self) -> Result<u32, String>;
    #[rpc]
    async fn open(&self) -> u32;
}

struct Shelves;

#[message_processor]
impl Stock for Shelves {
    async fn label(&self, shelf: u32) -> Result<String, Damaged> {
        Err(damaged(shelf))
    }

    async fn take(&self, count: u32) -> Result<u32, SoldOut> {
        count.checked_sub(9).ok_or(SoldOut { left: 3 })
    }

    async fn lend(&self) -> Result<u32, String> {
        Err("we lend nothing".to_owned())
    }

    async fn open(&self, #[context] cx: &Context) -> u32 {
        cx.raise(everything()).await
    }
}

/// The ways to fail that need no contract. What it holds says of which type an error is.
struct Others<E> {
    voice: Voice,
    error: fn() -> E,
}

#[message_processor(handlers(Count))]
impl<E: Serialize + fmt::Display + Send + 'static> Others<E> {
    #[rpc_handler]
    async fn early(&self, #[reply] answer: Reply<'_, u32, Damaged>) {
        answer.error(damaged(4)).await.expect("the answer is sent");
    }

    #[rpc_handler]
    async fn raise_early(&self, #[reply] answer: Reply<'_, u32>) {
        answer.exception(everything()).await.expect("the answer is sent");
    }

    #[rpc_handler]
    async fn generic(&self) -> Result<u32, E> {
        Err((self.error)())
    }

    #[rpc_handler]
    async fn read(&self, #[context] cx: &Context, text: &str) -> u32 {
        match text.parse() {
            Ok(number) => number,
            Err(error) => cx.raise(RemoteException::of(&error)).await,
        }
    }

    #[rpc_handler]
    async fn boast(&self, #[context] cx: &Context) -> u32 {
        let much = Value::from("x".repeat(20_000_000));
        cx.raise(RemoteException::new("Boast", "there is much to say").with_state(much)).await
    }

    #[rpc_handler]
    async fn late(&self, #[reply] answer: Reply<'_, u32>, #[context] cx: &Context) {
        answer.send(4).await.expect("the answer is sent");
        let _never: () = cx.raise(("Late", "nobody hears it")).await;
    }

    #[message_handler]
    async fn check(&self, #[context] cx: &Context) {
        self.voice.say(format!("attempt {}", cx.failures() + 1));
        let _never: () = cx.raise(("Torn", "it is torn")).await;
        self.voice.say("after the end");
    }
}

#[rpc_handler]
#[derive(Deserialize)]
struct Count {
    shelf: u32,
}

impl<E: Serialize + fmt::Display + Send + 'static> Handle<Others<E>> for Count {
    type Value = u32;
    type Error = Damaged;

    async fn handle(self, _: &Others<E>, _: &Context) -> Result<u32, Damaged> {
        Err(damaged(self.shelf))
    }
}

/// A service that keeps its traces to itself.
struct Discreet;

#[message_processor(traces = false)]
impl Discreet {
    #[rpc_handler]
    async fn label(&self, shelf: u32) -> Result<u32, Damaged> {
        Err(damaged(shelf))
    }

    #[rpc_handler]
    async fn open(&self, #[context] cx: &Context) -> u32 {
        cx.raise(everything()).await
    }
}

on_every_broker! {
    a_documented_error_with_causes_comes_back_as_its_type,
    an_error_that_the_caller_has_no_type_for_keeps_class_module_causes_and_data,
    an_error_that_its_type_does_not_fit_keeps_them_too,
    an_error_that_is_no_std_error_has_no_causes_and_a_text_has_no_class,
    a_handler_raises_an_exception_with_all_that_it_says,
    an_exception_made_of_an_error_has_its_class_and_a_call_that_raises_is_a_dead_letter,
    a_struct_and_an_early_answer_tell_the_causes_too,
    an_error_of_a_type_not_known_to_the_handler_has_its_class_and_no_causes,
    a_service_keeps_traces_and_modules_to_itself_by_its_attribute_and_when_it_is_served,
    an_exception_too_large_for_a_body_arrives_without_its_details,
    an_exception_after_the_answer_is_not_the_callers_business,
    a_message_whose_handler_raises_is_tried_again_and_then_a_dead_letter,
    a_call_of_a_python_service_has_no_details,
    details_of_a_strange_form_leave_the_plain_exception,
}

fn others(voice: Voice) -> Others<Damaged> {
    Others { voice, error: || damaged(7) }
}

async fn stock(world: &World) -> (Broker, Place, Serving) {
    let broker = world.broker().await;
    let place = world.place("stock");
    let serving = place.serve(&broker, Shelves).await;
    (broker, place, serving)
}

fn client(broker: &Broker, place: &Place) -> StockProducer {
    StockProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

/// What a caller without a type for it is told of an error.
async fn error(broker: &Broker, place: &Place, name: &'static str, asked: Value) -> RemoteError {
    match within("an answer", place.producer(broker).rpc::<Value>(name, asked)).await {
        Err(CallFault::Error(told)) => *told,
        other => panic!("{name}: {other:?}"),
    }
}

/// What a caller is told of an exception.
async fn exception(broker: &Broker, place: &Place, name: &'static str) -> RemoteException {
    match within("an answer", place.producer(broker).rpc::<Value>(name, ())).await {
        Err(CallFault::Exception(raised)) => *raised,
        other => panic!("{name}: {other:?}"),
    }
}

async fn a_documented_error_with_causes_comes_back_as_its_type(world: World) {
    let (broker, place, _serving) = stock(&world).await;
    match within("an answer", client(&broker, &place).label(4)).await {
        Err(CallError::Documented(Damaged { shelf: 4, cause: None })) => {}
        other => panic!("{other:?}"),
    }
    match within("an answer", client(&broker, &place).take(1)).await {
        Err(CallError::Documented(sold_out)) => assert_eq!(sold_out, SoldOut { left: 3 }),
        other => panic!("{other:?}"),
    }
}

async fn an_error_that_the_caller_has_no_type_for_keeps_class_module_causes_and_data(world: World) {
    let (broker, place, _serving) = stock(&world).await;
    let told = error(&broker, &place, "label", json!({"shelf": 4})).await;
    assert_eq!(told.message, "shelf 4 cannot be read");
    assert_eq!(told.class.as_deref(), Some("Damaged"));
    assert_eq!(told.module.as_deref(), Some(module_path!()));
    assert_eq!(told.trace, CAUSES);
    assert_eq!(told.state, Some(json!({"shelf": 4})));
    let shown = CallFault::Error(Box::new(told)).to_string();
    assert_eq!(shown, "the service answered with an error: shelf 4 cannot be read");
}

async fn an_error_that_its_type_does_not_fit_keeps_them_too(world: World) {
    let (broker, place, _serving) = stock(&world).await;
    let call = Envelope::rpc("label", json!({"shelf": 4}));
    let call = place.producer(&broker).call::<String, CallError<SoldOut>>(call);
    match within("an answer", call).await {
        Err(CallError::Fault(CallFault::Error(told))) => {
            assert_eq!(told.class.as_deref(), Some("Damaged"));
            assert_eq!(told.trace, CAUSES);
            assert_eq!(told.state, Some(json!({"shelf": 4})));
        }
        other => panic!("{other:?}"),
    }
}

async fn an_error_that_is_no_std_error_has_no_causes_and_a_text_has_no_class(world: World) {
    let (broker, place, _serving) = stock(&world).await;
    let told = error(&broker, &place, "take", json!({"count": 1})).await;
    assert_eq!((told.class.as_deref(), told.trace), (Some("SoldOut"), Vec::new()));
    let told = error(&broker, &place, "lend", json!({})).await;
    assert_eq!((told.class, told.module), (None, None));
    assert_eq!(told.state, Some(json!("we lend nothing")));
}

async fn a_handler_raises_an_exception_with_all_that_it_says(world: World) {
    let (broker, place, _serving) = stock(&world).await;
    assert_eq!(exception(&broker, &place, "open").await, everything());
    // The same to a caller of the contract.
    match within("an answer", client(&broker, &place).open()).await {
        Err(CallFault::Exception(raised)) => assert_eq!(*raised, everything()),
        other => panic!("{other:?}"),
    }
}

async fn an_exception_made_of_an_error_has_its_class_and_a_call_that_raises_is_a_dead_letter(
    world: World,
) {
    let broker = world.broker().await;
    let place = world.place("others");
    let _serving = place.serve(&broker, others(line().0)).await;
    let mut dead = place.dead_letters(&broker).await;
    let call = place.producer(&broker).rpc::<u32>("read", json!({"text": "nine"}));
    match within("an answer", call).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.to_string(), "ParseIntError: invalid digit found in string");
            assert_eq!(raised.module.as_deref(), Some("core::num::error"));
        }
        other => panic!("{other:?}"),
    }
    let letter = seen(&mut dead).await;
    let reason = letter.properties.header("postage-error").and_then(FieldValue::as_str);
    assert_eq!(reason, Some("ParseIntError: invalid digit found in string"));
}

async fn a_struct_and_an_early_answer_tell_the_causes_too(world: World) {
    let broker = world.broker().await;
    let place = world.place("others");
    let _serving = place.serve(&broker, others(line().0)).await;
    for name in ["count", "early"] {
        let told = error(&broker, &place, name, json!({"shelf": 4})).await;
        assert_eq!(told.class.as_deref(), Some("Damaged"), "{name}");
        assert_eq!(told.module.as_deref(), Some(module_path!()), "{name}");
        assert_eq!(
            (told.trace, told.state),
            (CAUSES.map(String::from).to_vec(), Some(json!({"shelf": 4})))
        );
    }
    assert_eq!(exception(&broker, &place, "raise_early").await, everything());
}

async fn an_error_of_a_type_not_known_to_the_handler_has_its_class_and_no_causes(world: World) {
    let broker = world.broker().await;
    let place = world.place("others");
    let _serving = place.serve(&broker, others(line().0)).await;
    let told = error(&broker, &place, "generic", json!({})).await;
    assert_eq!((told.class.as_deref(), told.trace), (Some("Damaged"), Vec::new()));
}

async fn a_service_keeps_traces_and_modules_to_itself_by_its_attribute_and_when_it_is_served(
    world: World,
) {
    let broker = world.broker().await;
    let (one, other) = (world.place("discreet"), world.place("stock"));
    let _discreet = one.serve(&broker, Discreet).await;
    let _shelves = other.serve_with(&broker, Shelves, |serve| serve.traces(false)).await;
    for place in [&one, &other] {
        let told = error(&broker, place, "label", json!({"shelf": 4})).await;
        assert_eq!((told.module, told.trace), (None, Vec::new()));
        // What every caller may know, and what is given by intent.
        assert_eq!(told.class.as_deref(), Some("Damaged"));
        assert_eq!(told.state, Some(json!({"shelf": 4})));
        let raised = exception(&broker, place, "open").await;
        let mut kept = everything().with_trace([""; 0]);
        kept.module = None;
        assert_eq!(raised, kept);
    }
}

async fn an_exception_too_large_for_a_body_arrives_without_its_details(world: World) {
    let broker = world.broker().await;
    let place = world.place("others");
    let _serving = place.serve(&broker, others(line().0)).await;
    let raised = exception(&broker, &place, "boast").await;
    assert_eq!(raised, RemoteException::new("Boast", "there is much to say"));
}

async fn an_exception_after_the_answer_is_not_the_callers_business(world: World) {
    let broker = world.broker().await;
    let place = world.place("others");
    let _serving = place.serve(&broker, others(line().0)).await;
    let mut dead = place.dead_letters(&broker).await;
    let call = place.producer(&broker).rpc::<u32>("late", ());
    assert_eq!(within("an answer", call).await.unwrap(), 4);
    assert_eq!(seen(&mut dead).await.name(), "late");
}

async fn a_message_whose_handler_raises_is_tried_again_and_then_a_dead_letter(world: World) {
    let broker = world.broker().await;
    let place = world.place("others");
    let (voice, mut ear) = line();
    let twice = Retry::new(2).first_pause(std::time::Duration::from_millis(100));
    let _serving = place.serve_with(&broker, others(voice), |serve| serve.retry(twice)).await;
    let mut dead = place.dead_letters(&broker).await;
    within("a confirm", place.producer(&broker).command("check", ())).await.expect("it is taken");
    let letter = seen(&mut dead).await;
    let reason = letter.properties.header("postage-error").and_then(FieldValue::as_str);
    assert_eq!(reason, Some("Torn: it is torn"));
    assert_eq!(ear.rest(), ["attempt 1", "attempt 2"]);
}

/// What a call ends with when this is its reply.
async fn answered(world: &World, content: Value, reserved: Value) -> CallFault {
    let broker = world.broker().await;
    let place = world.place("stock");
    let requests = &mut place.consume(&broker).await;
    let call = tokio::spawn(place.producer(&broker).rpc::<Value>("open", ()));
    let reply = json!({
        "type": "result", "name": "none", "category": "message", "content": content,
        "_reserved": reserved,
    });
    seen(requests).await.answer(&broker, reply.to_string()).await;
    within("an answer", call).await.unwrap().unwrap_err()
}

async fn a_call_of_a_python_service_has_no_details(world: World) {
    let raised = json!({"type": "exception", "value": "KeyError", "message": "'w'"});
    match answered(&world, raised, json!({})).await {
        CallFault::Exception(raised) => {
            assert_eq!(*raised, RemoteException::new("KeyError", "'w'"));
        }
        other => panic!("{other:?}"),
    }
    let refused = json!({"type": "error", "value": null, "message": "no such size"});
    match answered(&world, refused, json!({})).await {
        CallFault::Error(told) => {
            assert_eq!((&*told.message, &told.class), ("no such size", &None));
            assert_eq!((&told.module, &told.state, told.trace.len()), (&None, &None, 0));
        }
        other => panic!("{other:?}"),
    }
}

async fn details_of_a_strange_form_leave_the_plain_exception(world: World) {
    let raised = json!({"type": "exception", "value": "KeyError", "message": "'w'"});
    for reserved in [
        json!([1]),
        json!({"exception": "odd"}),
        json!({"exception": {"module": 1, "trace": {}, "args": "x", "later": [1]}}),
        json!({"exception": null, "error": {"more": 1}}),
    ] {
        match answered(&world, raised.clone(), reserved.clone()).await {
            CallFault::Exception(told) => {
                assert_eq!(*told, RemoteException::new("KeyError", "'w'"), "{reserved}");
            }
            other => panic!("{reserved}: {other:?}"),
        }
    }
}
