//! What generated code names. Nothing here is for anyone else, and anything here may change.

pub use std::borrow::Cow;
pub use std::boxed::Box;
pub use std::vec::Vec;

pub use serde::Serialize;
pub use serde_json::Value;

pub use crate::__postage_causes as causes;
pub use crate::__postage_schema as schema;
pub use crate::broker::Broker;
pub use crate::contract::{Contract, Method, Parameter, Peer, Signature, places, slots};
pub use crate::error::{CallError, CallFault};
pub use crate::message::Text;
pub use crate::processor::{
    BadParameters, Causes, CausesProbe, Client, Context, DeclareHandler, ErrorText, FilterError,
    MessageProcessor, NoCauses, Outcome, Parameters, Reply, Request, Retry, ServiceSetup,
    answered_name, check_handlers, check_keyless, check_parameters, check_reply, check_routes,
    exchange_name, handler_slots, local_reply, local_reply_result, place_of, read_handler,
    run_handler,
};
pub use crate::producer::{Call, Named, Producer, Publish};
pub use crate::schema::SchemaSource;
#[cfg(feature = "schema")]
pub use crate::schema::{AnswerProbe, NoAnswer, NoSchema, SchemaProbe};
pub use crate::topology::{
    ApplicationExchange, Binding, DeclareExchange, Exchange, ExchangeFlags, ExchangeKind,
    FieldValue, MatchHeaders, Overflow, Queue, QueueKind, exchange,
};
pub use crate::transport::BoxFuture;

/// Parameters by name, as a generated client sends them.
pub const fn named<V>(names: &'static [&'static str], values: V) -> Named<V> {
    Named::new(names, values)
}

/// The index of each entry of a table among those that are held.
pub const fn indexes<const ENTRIES: usize>(held: [bool; ENTRIES]) -> [usize; ENTRIES] {
    let mut indexes = [0; ENTRIES];
    let (mut entry, mut index) = (0, 0);
    while entry < ENTRIES {
        indexes[entry] = index;
        index += held[entry] as usize;
        entry += 1;
    }
    indexes
}

/// How many entries of a table are held.
pub const fn count(held: &[bool]) -> usize {
    let (mut entry, mut count) = (0, 0);
    while entry < held.len() {
        count += held[entry] as usize;
        entry += 1;
    }
    count
}

/// A parameter's type, required to be one that a service can decode.
pub const fn decodes<'de, T: serde::Deserialize<'de>>() {}

/// A parameter's type, required to be one that a client can send.
pub const fn encodes<T: Serialize>() {}

/// A handler's future, required to be `Send`: it is spawned.
pub fn send_future<F: Future + Send>(future: F) -> F {
    future
}

/// Asks whether a type is a `Result`: its inherent method is found before the trait's.
pub struct ResultProbe<T>(std::marker::PhantomData<T>);

impl<T> ResultProbe<T> {
    #[allow(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

/// The answer of a [`ResultProbe`]: the type is a `Result`.
pub struct HiddenResult;

/// The answer of a [`ResultProbe`]: the type is none.
pub struct PlainValue;

impl<T, E> ResultProbe<Result<T, E>> {
    pub const fn kind(&self) -> HiddenResult {
        HiddenResult
    }
}

/// Answers for every type that is no `Result`.
pub trait ProbeFallback {
    fn kind(&self) -> PlainValue {
        PlainValue
    }
}

impl<T> ProbeFallback for ResultProbe<T> {}

/// A return type that travels as a plain value.
#[diagnostic::on_unimplemented(
    message = "this return type is an alias of `Result`, which the macro cannot see through",
    label = "write `Result<T, E>` itself, with both types",
    note = "an alias would travel as `{{\"Ok\": ..}}` and hide the documented error from the caller"
)]
pub trait NotAResult {}

impl NotAResult for PlainValue {}

pub fn must_not_be_result<K: NotAResult>(_: K) {}
