//! A body with any bytes, under any content type, opened and dispatched as a service does it.
//!
//! It is settled once; whoever waits for an answer gets one, which can be read; what is no message
//! becomes a dead letter, as it came; what was read is the same when it is sent and read again.

#![no_main]

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use postage_core::transport::{Properties, Publication, Settlement};
use postage_core::{
    Broker, Category, Codec, Envelope, Exchange, JsonCodec, Message, MsgPackCodec, Producer,
    ResultContent, SendError,
};
use postage_fuzz::{Ends, Handled, Mail, Pipe, World, same};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

const CALLER: &str = "amq.gen-caller";

thread_local! {
    static WORLD: World = World::new();
    static SENDER: Sender = Sender::new();
}

fuzz_target!(|input: &[u8]| {
    let Some(mail) = Mail::read(input) else { return };
    let json = mail.json();
    let message = json.as_deref().ok().and_then(|json| Message::from_json(json).ok());

    let mut properties = mail.properties();
    properties.reply_to = Some(CALLER.into());
    let handled = WORLD.with(|world| world.handle(properties, mail.body.clone()));
    check_handled(&mail, message.as_ref(), &handled);
    if let Some(message) = message {
        SENDER.with(|sender| sender.check_sent_again(&message));
    }
});

fn check_handled(mail: &Mail, message: Option<&Message<'_>>, handled: &Handled) {
    assert_eq!(handled.settlement, Settlement::Ack);
    let to = |exchange: &str, key: &str| {
        let is_there =
            |sent: &&Publication| sent.route.exchange() == exchange && sent.route.key() == key;
        handled.published.iter().filter(is_there).collect::<Vec<_>>()
    };
    let (replies, dead) = (to("", CALLER), to("dead", "dead"));
    assert!(dead.len() <= 1 && dead.iter().all(|letter| letter.body == mail.body));
    let waits = message.is_none_or(|message| message.category() == Category::Rpc);
    assert_eq!(replies.len(), usize::from(waits), "{:?}", handled.published);
    assert!(message.is_some() || dead.len() == 1, "{:?}", handled.published);
    for reply in replies {
        check_reply(message, reply);
    }
}

/// A reply can be read, and an echo is what it answers.
fn check_reply(message: Option<&Message<'_>>, reply: &Publication) {
    let json = decoded(&reply.properties, &reply.body);
    let read = Message::from_json(&json).expect("a reply is a message");
    assert_eq!((read.kind(), read.name(), read.category()), ("result", "none", Category::Message));
    let result = ResultContent::of(&read).expect("a reply is a result");
    let Some(message) = message else {
        return assert!(
            matches!(result, ResultContent::Exception { name, .. } if name == "MalformedMessage")
        );
    };
    if let ("command", "echo", ResultContent::Success { value }) =
        (message.kind(), message.name(), result)
    {
        let answer: Value = serde_json::from_str(value.get()).expect("an answer is JSON");
        let asked = asked(message.content());
        assert!(same(&answer, &asked), "{answer} to {asked}");
    }
}

/// The parameter of an echo: by its name, or bare. Each part is read by itself, as a service does,
/// since each may nest as deep as is allowed.
fn asked(content: &RawValue) -> Value {
    let part = |raw: &RawValue, key| {
        let parts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
        parts.get(key).cloned()
    };
    let whole = part(content, "parameters").expect("what was handled has parameters");
    let asked = part(&whole, "value").unwrap_or(whole);
    serde_json::from_str(asked.get()).expect("what was handled can be read")
}

fn decoded(properties: &Properties, body: &Bytes) -> Bytes {
    let json = Mail::decode(properties.content_type.as_deref(), body.clone());
    json.expect("what we send can be decoded")
}

/// Sends by either codec.
struct Sender {
    runtime: Runtime,
    ends: RefCell<Ends>,
    brokers: [Broker; 2],
}

impl Sender {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (pipe, ends) = Pipe::new();
        let broker = Broker::over(pipe);
        let brokers = [broker.with_codec(JsonCodec), broker.with_codec(MsgPackCodec)];
        Self { runtime, ends: RefCell::new(ends), brokers }
    }

    /// What was read is the same when it is sent and read again.
    fn check_sent_again(&self, message: &Message<'_>) {
        let fingerprint = message.fingerprint();
        for broker in &self.brokers {
            let sender = fingerprint.clone().unwrap_or_default();
            let producer = Producer::new(broker, sender).eks([(Exchange::DEFAULT, "desk")]);
            let owned = |text: &str| Cow::<'static, str>::Owned(text.to_owned());
            let (kind, name) = (owned(message.kind()), owned(message.name()));
            let envelope = Envelope::new(kind, name, message.content());
            let sending = producer.send(envelope.with_category(message.category()));
            match self.runtime.block_on(sending) {
                Ok(()) => self.check_same(message),
                // JSON that was passed over need not be what another encoding can say.
                Err(SendError::Encode(error)) => {
                    let text = error.to_string();
                    assert!(text.starts_with("cannot encode"), "{text}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn check_same(&self, message: &Message<'_>) {
        let sent = self.ends.borrow_mut().published.try_recv().expect("it was published");
        let json = decoded(&sent.properties, &sent.body);
        let again = Message::from_json(&json).expect("what we send is a message");
        assert_eq!(again.kind(), message.kind());
        assert_eq!(again.name(), message.name());
        assert_eq!(again.category(), message.category());
        if let Some(sender) = message.fingerprint() {
            let (sender, again) = (sender, again.fingerprint().expect("it says who sent it"));
            assert_eq!(sender.as_tuple(), again.as_tuple());
        }
        let is_json = sent.properties.content_type.as_deref() == Some(JsonCodec.content_type());
        if is_json {
            assert_eq!(again.content().get(), message.content().get());
        } else if let (Ok(one), Ok(other)) =
            (message.content_as::<Value>(), again.content_as::<Value>())
        {
            assert!(same(&one, &other), "{one} and then {other}");
        }
    }
}
