//! A status with any bytes, under any content type, to a call that hears of its work.
//!
//! The call goes on. What the status says is heard once, in order, and before the result.

#![no_main]

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use postage_core::transport::Properties;
use postage_core::{
    Broker, Envelope, Event, Exchange, Fingerprint, Message, MsgPackCodec, Peer, Producer, Progress,
};
use postage_fuzz::{Ends, Mail, Pipe, quiet_log};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

/// What the call is answered.
const RESULT: &[u8] = br#"{"type":"result","name":"none","category":"message","content":{"type":"success","value":7,"message":""}}"#;

thread_local! {
    static CALLER: Caller = Caller::new();
}

fuzz_target!(|input: &[u8]| {
    let Some(mail) = Mail::read(input) else { return };
    CALLER.with(|caller| {
        caller.check(&mail, Peer::Postage);
        caller.check(&mail, Peer::Python);
    });
});

struct Caller {
    runtime: Runtime,
    pipe: Pipe,
    ends: RefCell<Ends>,
    producer: Producer,
}

impl Caller {
    fn new() -> Self {
        quiet_log();
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (pipe, ends) = Pipe::new();
        let broker = Broker::over(pipe.clone()).with_codec(MsgPackCodec).with_debug(true);
        let producer = Producer::new(&broker, Fingerprint::new("fuzz", "caller"))
            .eks([(Exchange::DEFAULT, "desk")]);
        Self { runtime, pipe, ends: RefCell::new(ends), producer }
    }

    fn check(&self, mail: &Mail, peer: Peer) {
        let data = String::from_utf8_lossy(&mail.body).into_owned();
        let heard = self.heard(mail, peer, &data);
        let json = mail.json().unwrap_or_default();
        let name = Message::from_json(&json).map(|message| message.name().to_owned());
        match (name.as_deref().unwrap_or_default(), &*heard) {
            ("accepted", [Event::Accepted, Event::Ended(Ok(7))])
            | ("started", [Event::Accepted, Event::Started, Event::Ended(Ok(7))]) => {}
            (
                "progress",
                [Event::Accepted, Event::Started, Event::Progress(progress), Event::Ended(Ok(7))],
            ) => check_progress(progress, &json, &data),
            // One that cannot be read, and one that says nothing here, are passed over.
            ("accepted" | "started", other) => panic!("{other:?}"),
            (_, [Event::Ended(Ok(7))]) => {}
            (_, other) => panic!("{other:?}"),
        }
    }

    /// What is heard of a call to which this status comes, and then its result.
    fn heard(&self, mail: &Mail, peer: Peer, data: &str) -> Vec<Event<u64>> {
        let call = self.producer.call::<u64, _>(Envelope::rpc("ask", ())).peer(peer).max_retry(0);
        let mut events = call.events();
        self.runtime.block_on(async {
            let mut heard = Vec::new();
            let request = loop {
                assert!(events.next().now_or_never().is_none(), "nothing was said yet");
                if let Ok(request) = self.ends.borrow_mut().published.try_recv() {
                    break request;
                }
                tokio::task::yield_now().await;
            };
            let to = request.properties.reply_to.expect("it asks for a reply");
            let mut status = mail.properties();
            status.kind = Some("status".into());
            status.set_header("postage-data", data.to_owned());
            let mut result = Properties::default();
            if peer == Peer::Postage {
                status.correlation_id.clone_from(&request.properties.correlation_id);
                result.correlation_id = request.properties.correlation_id;
            }
            self.pipe.deliver_settled(&to, status, mail.body.clone());
            self.pipe.deliver_settled(&to, result, Bytes::from_static(RESULT));
            while let Some(event) = events.next().await {
                heard.push(event);
            }
            heard
        })
    }
}

fn check_progress(progress: &Progress, json: &[u8], data: &str) {
    #[derive(Deserialize)]
    struct Content<'a> {
        completed: Option<u64>,
        total: Option<u64>,
        #[serde(borrow)]
        details: Option<&'a RawValue>,
    }
    let message = Message::from_json(json).expect("it was read");
    let content: Content<'_> = message.content_as().expect("it was read");
    let numbers = (content.completed.unwrap_or_default(), content.total.unwrap_or_default());
    assert_eq!((progress.completed, progress.total), numbers);
    // What is passed over as it stands need be no value: its numbers may be too large.
    let details: Option<Value> =
        content.details.map_or(Some(Value::Null), |raw| serde_json::from_str(raw.get()).ok());
    assert_eq!(progress.details().ok(), details);
    assert_eq!(progress.data::<Value>().ok(), serde_json::from_str(data).ok());
}
