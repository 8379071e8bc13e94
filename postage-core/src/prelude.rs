//! What a program that serves or calls usually names: `use postage_core::prelude::*`.

pub use crate::{
    Broker, Call, CallError, CallFault, Context, DeclareExchange, Envelope, Exchange, ExchangeKind,
    Fingerprint, Handle, Message, MessageProcessor, Producer, Publish, Queue, Reply, Serving,
    Stopped, exchange, message_handler, message_processor, producer, reply_handler, rpc_handler,
};
