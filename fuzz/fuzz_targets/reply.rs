//! A reply with any bytes, under any content type, to calls that wait for it.
//!
//! The call ends, with what the reply says; and with the same again when a service says that.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use postage_core::transport::Properties;
use postage_core::{
    Broker, CallError, CallFault, CallOutcome, Envelope, Exchange, Fingerprint, IntoEnvelope,
    Message, MsgPackCodec, Peer, Producer, ResultContent,
};
use postage_fuzz::{Ends, Mail, Pipe, Refused, quiet_log, same};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static CALLER: Caller = Caller::new();
}

fuzz_target!(|input: &[u8]| {
    let Some(mail) = Mail::read(input) else { return };
    CALLER.with(|caller| caller.check(&mail));
});

type Typed = Result<Value, CallError<Refused>>;
type Plain = Result<u64, CallFault>;

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

    fn check(&self, mail: &Mail) {
        let typed: Typed = self.call(Peer::Postage, mail.properties(), mail.body.clone());
        let plain: Plain = self.call(Peer::Python, mail.properties(), mail.body.clone());
        let json = mail.json().unwrap_or_default();
        let message = Message::from_json(&json);
        let is_rejection = message.as_ref().is_ok_and(Message::is_rejection);
        let is_incompatible = message.as_ref().is_ok_and(Message::is_incompatible);
        let result = message.and_then(|message| ResultContent::of(&message));
        match result {
            Err(_) => {
                let typed = matches!(typed, Err(CallError::Fault(CallFault::Malformed { .. })));
                assert!(typed && matches!(plain, Err(CallFault::Malformed { .. })));
            }
            Ok(ResultContent::Success { value }) => self.check_value(value.get(), &typed, &plain),
            Ok(ResultContent::Error { message }) => {
                assert!(matches!(&plain, Err(CallFault::Error(told)) if told.message == message));
                self.check_error(&message, &typed);
            }
            Ok(ResultContent::Exception { message, .. }) if is_rejection => {
                let told = |fault: &CallFault| matches!(fault, CallFault::Rejected { reason } if *reason == message);
                assert!(matches!(&typed, Err(CallError::Fault(fault)) if told(fault)), "{typed:?}");
                assert!(matches!(&plain, Err(fault) if told(fault)), "{plain:?}");
            }
            Ok(ResultContent::Exception { message, .. }) if is_incompatible => {
                let told = |fault: &CallFault| matches!(fault, CallFault::Incompatible { reason } if *reason == message);
                assert!(matches!(&typed, Err(CallError::Fault(fault)) if told(fault)), "{typed:?}");
                assert!(matches!(&plain, Err(fault) if told(fault)), "{plain:?}");
            }
            Ok(ResultContent::Exception { name, message }) => {
                let told = |fault: &CallFault| matches!(fault, CallFault::Exception(it) if it.name == name && it.message == message);
                assert!(matches!(&typed, Err(CallError::Fault(fault)) if told(fault)), "{typed:?}");
                assert!(matches!(&plain, Err(fault) if told(fault)), "{plain:?}");
                let again: Plain = self.answer(Envelope::exception(name.clone(), message.clone()));
                assert!(matches!(&again, Err(fault) if told(fault)), "{again:?}");
            }
            Ok(other) => panic!("{other:?}"),
        }
    }

    fn check_value(&self, value: &str, typed: &Typed, plain: &Plain) {
        match (serde_json::from_str::<Value>(value), typed) {
            (Ok(value), Ok(read)) => {
                assert_eq!(value, *read);
                let again: Typed = self.answer(Envelope::success(read));
                assert!(again.is_ok_and(|again| same(&again, read)), "{read}");
            }
            (Err(_), Err(CallError::Fault(CallFault::Malformed { .. }))) => {}
            other => panic!("{other:?}"),
        }
        match (serde_json::from_str::<u64>(value), plain) {
            (Ok(number), Ok(read)) => {
                assert_eq!(number, *read);
                let again: Plain = self.answer(Envelope::success(number));
                assert!(again.is_ok_and(|again| again == number));
            }
            (Err(_), Err(CallFault::Malformed { .. })) => {}
            other => panic!("{other:?}"),
        }
    }

    fn check_error(&self, message: &str, typed: &Typed) {
        match typed {
            // It has a typed form, which the text is beside.
            Err(CallError::Documented(Refused { .. })) => {}
            Err(CallError::Fault(CallFault::Error(told))) => assert_eq!(told.message, message),
            other => panic!("{other:?}"),
        }
        let again: Plain = self.answer(Envelope::error(message));
        assert!(matches!(again, Err(CallFault::Error(told)) if told.message == message));
    }

    /// What a call ends with when a service answers this.
    fn answer<T, X>(&self, answer: impl IntoEnvelope) -> Result<T, X>
    where
        T: DeserializeOwned + Send + 'static,
        X: CallOutcome,
    {
        self.runtime.block_on(async { self.producer.send(answer).await }).expect("it can be sent");
        let sent = self.ends.borrow_mut().published.try_recv().expect("it was published");
        let mut properties = Properties::default();
        properties.content_type = sent.properties.content_type;
        self.call(Peer::Postage, properties, sent.body)
    }

    /// What a call ends with when this is its reply.
    fn call<T, X>(&self, peer: Peer, mut reply: Properties, body: bytes::Bytes) -> Result<T, X>
    where
        T: DeserializeOwned + Send + 'static,
        X: CallOutcome,
    {
        let call = self.producer.call::<T, X>(Envelope::rpc("ask", ())).peer(peer).max_retry(0);
        self.runtime.block_on(async {
            let ticket = call.detach().await.unwrap_or_else(|fault| panic!("{fault}"));
            let request = self.ends.borrow_mut().published.try_recv().expect("it was sent");
            if peer == Peer::Postage {
                reply.correlation_id = request.properties.correlation_id;
            }
            let to = request.properties.reply_to.expect("it asks for a reply");
            self.pipe.deliver_settled(&to, reply, body);
            ticket.await
        })
    }
}
