//! Annotated services and typed clients that talk through messages.

mod arity;
mod broker;
mod config;
mod contract;
mod error;
mod headers;
mod link;
pub mod message;
pub mod prelude;
mod processor;
mod producer;
mod restart;
pub mod topology;
mod traffic;
pub mod transport;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use postage_macros::{exchange, message_handler, message_processor, producer, rpc_handler};

pub use broker::{Broker, DEFAULT_MAX_BODY};
pub use config::Config;
pub use contract::{Contract, Method, Parameter, Peer};
pub use error::{CallError, CallFault, CallOutcome, SendError, ServeError};
#[cfg(feature = "msgpack")]
pub use message::MsgPackCodec;
pub use message::{
    Category, Codec, CodecError, Command, EncodeError, Envelope, Fingerprint, IntoEnvelope,
    JsonCodec, Message, MessageError, Plain, RemoteException, ResultContent,
};
pub use processor::{
    Context, DEFAULT_PREFETCH, DeclareHandler, Drained, Filter, FilterError, Handle, IntoOutcome,
    MessageProcessor, Outcome, Reply, Serve, Serving, Stopped,
};
pub use producer::{Call, DEFAULT_MAX_RETRY, DEFAULT_TIMEOUT, Detach, Producer, Publish, Ticket};
#[cfg(unix)]
pub use restart::restart_program;
pub use topology::{
    Arguments, Binding, DeclareExchange, Exchange, ExchangeKind, FieldValue, MatchHeaders,
    Overflow, Queue, QueueKind, Route,
};
pub use transport::{MemoryTransport, Transport, TransportError};
