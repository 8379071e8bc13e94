//! Annotated services and typed clients that talk through messages: over AMQP 0-9-1 (RabbitMQ), or
//! in memory with no broker at all.
//!
//! A *contract* is a trait under [`#[producer]`](macro@producer): its methods are calls and
//! messages. The macro keeps it a real trait and makes a client of it. A *service* is an `impl` block
//! under [`#[message_processor]`](macro@message_processor), of a contract or of a type by itself. An
//! *exchange* is a unit struct under [`#[exchange]`](macro@exchange). A [`Broker`] is the connection
//! that services are served and clients call over. An [`Application`] is a service with a name on the
//! network, reached by an [`Address`].
//!
//! ```
//! use postage_core::prelude::*;
//!
//! #[exchange(name = "greetings", kind = "direct")]
//! pub struct Greetings;
//!
//! /// What one may ask of a greeter.
//! #[producer(exchange = Greetings, key = "greeter")]
//! pub trait Greeter {
//!     /// Greets somebody.
//!     #[rpc]
//!     async fn greet(&self, name: &str) -> String;
//! }
//!
//! struct Polite;
//!
//! #[message_processor(exchange = Greetings, queue = "greeter", key = "greeter")]
//! impl Greeter for Polite {
//!     async fn greet(&self, name: &str) -> String {
//!         format!("Good morning, {name}.")
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = Broker::memory();
//! let _greeter = broker.serve(Polite).await?;
//! let client = GreeterProducer::new(&broker, Fingerprint::new("guest", "example"));
//! assert_eq!(client.greet("Ann").await?, "Good morning, Ann.");
//! # Ok(()) }
//! ```
//!
//! # What travels
//!
//! Each message is a JSON object as Python Postage has it: `type`, `name`, `category`, `version`,
//! `fingerprint`, `content`, `_reserved`. Parameters travel by their names under
//! `content.parameters`. What is added to that goes into AMQP properties and headers, which a Python
//! component passes over: the message id, the attempt (`postage-attempt`), the caller's deadline
//! (`postage-deadline`), the [version](Contract#versions) of the contract where it says one
//! (`postage-version`) and the [signature](Contract#signatures) of the contract's method
//! (`postage-signature`); a documented error's typed form goes under `_reserved.error`, and the
//! exception `Rejected` of a call that was declined has `_reserved.rejected`, true, as
//! `Incompatible` of one of another contract has `_reserved.incompatible`.
//!
//! What went wrong is a result as Python has it: of an exception its name and its text, of a documented
//! error its text. What else there is to say of either goes under `_reserved.exception`, an object of
//! `module`, `class` (of an error; an exception has its name), `trace` (the texts of its causes, the
//! nearest first), `state` (of an exception; an error has its typed form) and `args`. Each is left out
//! where there is none, as the object itself is; a caller passes over what is of another form. A
//! service that is told to by [`Serve::traces`] keeps `module` and `trace` to itself.
//!
//! A caller that asks for it is told more than the result. The header `postage-statuses`, true, asks
//! for the statuses `accepted`, `started`, `progress` and `rejected`; `postage-heartbeat` for a
//! `heartbeat` every so many milliseconds. Each is a message of type `status` and that name at the
//! reply address, with the correlation id of the request, the AMQP type `status`, and the header
//! `postage-data` as the request has it: JSON of the caller's own. The content of a progress is
//! `total`, `completed` and `details`, that of a rejection its `reason`, that of the others `{}`. They
//! come in the order of the work, before the result, which every caller gets. A request that comes
//! again while it is worked on is told nothing of its own: what was said is said again, from
//! `accepted` on, where the line was lost or the reply address is another, and goes on there. One that
//! comes again before its handler has begun may be told `accepted` by each copy. Who does not ask, as
//! Python Postage, gets nothing but the result.
//!
//! A request whose header `postage-answer` is a text wants an answer that lasts: a persistent one, with
//! that header, the header `postage-data`, and a message id that is the same each time that this
//! service answers it. The broker has it before the request is acknowledged. A message whose header
//! `postage-signal` is true is dropped, and not handled, once `postage-deadline` has passed.
//!
//! A call that may be [cancelled](Call::cancellable) says in the header `postage-lasts` how many
//! milliseconds it lasts from now on, in all its attempts. A caller that leaves sends the command
//! `cancelled` to the fanout exchange `postage-cancelled`; its parameter `left` is a list of
//! `{"id": …, "for": …}`: the message id of the request, and for how many milliseconds it may still
//! come. A service that was not there all that time asks at the reply address, by the status `wanted`
//! with a reply address of its own; the answer is the command `cancelled` with the id under `left`, or
//! in the list `wanted`.
//!
//! # What is promised
//!
//! | promise | how |
//! |---|---|
//! | a [`Publish`] resolves when the broker has the message | confirmed and mandatory, unless `unconfirmed` |
//! | a message that no queue took is an error | [`SendError::Unroutable`], [`CallFault::Unroutable`] |
//! | a [`Call`] ends | with a value, a documented error, an exception, or a [`CallFault`] by its time |
//! | a call of another contract is no decoding error | [`CallFault::Incompatible`], before a handler is run: the [version](Contract#versions) or the [signature](Contract#signatures) does not fit |
//! | no service works for a caller that has left | a request expires in its queue with its attempt; handlers of [cancellable](Call::cancellable) calls are stopped |
//! | [`Events`] come in order, the result last | none of them holds it up: who is slow to look sees the newest [`Progress`] |
//! | an answer that goes elsewhere is not lost | [`Call::answer_to`], [`Call::store`]: the broker has it before its request is done |
//! | a signal is in time or dropped | [`Publish::signal`] |
//! | a service that died is told apart from slow work | [`Call::heartbeat`], [`CallFault::Silent`] |
//! | a message is acknowledged after its handlers | one whose service dies goes to another |
//! | a handler that fails or panics harms no other message | a caller gets an exception; the message is rejected |
//! | a body that is no message harms nobody | it is rejected with a reason, and answered where it asks for an answer |
//! | [`Serving::drain`] leaves nothing behind | handlers finish, the rest goes back to the queue, and the broker knows of all that was handled, where it answers |
//!
//! A connection that is lost is made again, the hosts of the configuration in turn, with growing
//! pauses. Services bring their exchanges, queues, bindings and consumers back; a call that waits is
//! sent again under its own id, up to its time; a send that was not confirmed is sent again under
//! its own id. So a message can arrive twice, with the same id. [`Broker::state`] can be watched.
//!
//! # Limits
//!
//! Everything that a peer, a caller or a burst could make grow is bounded. Unless set:
//!
//! | what | limit | set by | who goes beyond |
//! |---|---|---|---|
//! | a body, sent or read | 16 MiB | [`Broker::with_max_body`] | sender: [`EncodeError`] at the await; service: its caller gets the exception `InvalidResult`; read by a service: rejected, a caller gets the exception `MalformedMessage`; read by a caller: [`CallFault::Malformed`] |
//! | lists and maps nested in a body | 127 levels | [`Broker::with_max_depth`], to less | as above |
//! | lists and tables nested in headers and arguments | 64 levels, 100 KiB in all | – | [`TransportError::Refused`]; over AMQP, what others sent deeper is rejected |
//! | names, keys, texts of properties | 255 bytes | – | a compile error where it is a literal; else [`TransportError::Refused`] |
//! | pending calls, tickets among them | 32,768 a connection | [`Broker::with_max_calls`] | [`CallFault::TooManyCalls`] at once |
//! | calls of Python peers with a reply address | 256 a connection | – | waits; out of time, [`CallFault::TooManyCalls`] |
//! | the time of a call | 30 s an attempt, 5 attempts | `timeout`, `max_retry`, `deadline` of contract, method, [`Producer`] or [`Call`] | [`CallFault::TimedOut`] |
//! | sends with the broker, over AMQP | 1,024 unconfirmed, 256 behind them | – | waits its turn |
//! | bytes to be written, over AMQP | 512 KiB a channel, as much again being written, and the message that goes beyond | – | waits its turn |
//! | the time of a send | 30 s | [`Publish::within`] | [`SendError::TimedOut`], or [`SendError::Disconnected`] |
//! | the time of an answer, its last statuses before it | 30 s | – | it is given up: a caller that asks again is answered from memory |
//! | the time of a handler | 10 min | [`Serve::handler_time`] | the handler is dropped: a caller gets the exception `HandlerTimeout`, a message has failed |
//! | progress of a call | every 100 ms | [`Serve::progress_every`] | the newest is sent, the others are not |
//! | the content of a progress | 64 KiB | – | it is not told; a warning is logged |
//! | statuses of a call that its caller has not looked at | 32, in 1 MiB | – | the oldest go |
//! | heartbeats of a call | every 100 ms to 24 h | [`Call::heartbeat`] | the nearest is taken |
//! | callers that have left and of whom services are still to be told | 32,768 a connection | – | is not told of: the handler ends with the call's time |
//! | callers that have left, remembered by a service | 65,536, each while its request may come, for a day at most | – | those whose requests may come for the shortest time are forgotten |
//! | the answer of a caller whether it still waits | 1 s | – | counts as waiting |
//! | unsettled messages at a service | 100 a queue; 1,024 where the prefetch is set to 0 | `prefetch`, [`Serve::prefetch`] | waits in its queue |
//! | handlers at once | prefetch × queues; 1,024 where the prefetch is 0 | `concurrency`, [`Serve::concurrency`] | waits in the service, up to 1,024 messages a queue |
//! | tasks of a service that wait for something to handle | 1,024 a queue | – | those beyond end |
//! | attempts at a message | 1 | `retry`, [`Serve::retry`] | a dead letter that says why |
//! | handled messages remembered | 100,000, for 5 min, in 64 MiB with their answers | [`RecentMessages`] in [`Serve::dedup`] | the oldest is forgotten, and would be handled again |
//! | causes of an exception or an error, told and kept | 32 of 1,000 characters; its class and module 200 | – | the rest is left out |
//! | state and arguments of an exception | as a body | – | the caller gets the exception without its details |
//! | a peer's text quoted in an error | 200 characters; a reason 1,000; a header of a dead letter 2,048 bytes | – | the rest is left out |
//!
//! A body's limit is checked when the body is here as a whole. What may come that far, over AMQP, is
//! bounded by the broker: set its `max_message_size` (128 MiB unless set, in RabbitMQ 3.10) where strangers publish, and
//! reckon with as much for each message of the prefetch.
//!
//! # Features
//!
//! | feature | what | default |
//! |---|---|---|
//! | `amqp` | the AMQP 0-9-1 transport, by lapin | on |
//! | `tls` | `amqps://`, by rustls with the ring provider and the system's root certificates | off |
//! | `tower` | `tower` layers around handlers and calls: `Serve::layer`, `Producer::layer` | off |
//! | `msgpack` | `MsgPackCodec`, a second codec, under `application/msgpack` | off |
//! | `faults` | `transport::FaultyTransport`, for tests: faults by a seed over the memory transport | off |
//! | `opentelemetry` | trace context in the headers of messages, as W3C has it: one trace over caller, broker and service; see [`telemetry`] | off |
//! | `metrics` | counters and histograms through the `metrics` facade; see [`telemetry`] | off |
//! | `testing` | the module `testing`, for your tests: a harness for services, mocks for generated clients | off |
//! | `schema` | [JSON Schemas](Contract#schemas) of what can be asked, where types derive `schemars::JsonSchema` | off |

mod application;
mod arity;
mod broker;
mod cancellation;
mod config;
mod contract;
mod error;
mod headers;
mod layers;
mod limits;
mod link;
pub mod message;
mod own_ids;
mod pauses;
pub mod prelude;
mod processor;
mod producer;
#[cfg(unix)]
mod restart;
mod schema;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topology;
mod traffic;
pub mod transport;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(all(fuzzing, feature = "amqp"))]
#[doc(hidden)]
pub use transport::amqp::fuzzing as __fuzzing;

pub use postage_macros::{
    exchange, message_handler, message_processor, producer, reply_handler, rpc_handler,
};

pub use application::{
    Application, ApplicationCommands, ApplicationCommandsProducer, Applications, Change,
    Description, HandlerDescription, ParameterDescription, QueueDescription, StartApplication,
    Watch,
};
pub use broker::Broker;
pub use config::Config;
pub use contract::{Breaks, Contract, ContractChange, Method, Parameter, Peer};
pub use error::{CallError, CallFault, CallOutcome, SendError, ServeError};
#[cfg(feature = "tower")]
pub use layers::{HandlerService, Handling, Receipt, Sending, SendingService};
pub use limits::{DEFAULT_MAX_BODY, DEFAULT_MAX_CALLS, DEFAULT_MAX_DEPTH};
#[cfg(feature = "msgpack")]
pub use message::MsgPackCodec;
pub use message::{
    Category, Codec, CodecError, Command, EncodeError, Envelope, Fingerprint, IntoEnvelope,
    JsonCodec, Message, MessageError, Plain, Progress, RemoteError, RemoteException, ResultContent,
};
pub use processor::{
    Answer, Claim, Context, DEFAULT_HANDLER_TIME, DEFAULT_PREFETCH, DEFAULT_PROGRESS_EVERY,
    DeadLetter, DeadLetters, DeclareHandler, DedupStore, Drained, Filter, FilterError, FromReply,
    Handle, IntoOutcome, MessageProcessor, Outcome, RecentMessages, Reply, ReplyTo, Retry, Serve,
    Serving, Stopped,
};
pub use producer::{
    AnswerTo, Answered, Answers, Call, DEFAULT_MAX_RETRY, DEFAULT_TIMEOUT, Detach, Event, Events,
    Producer, Publish, Store, StoredTicket, Ticket,
};
#[cfg(unix)]
pub use restart::restart_program;
pub use tokio_util::sync::CancellationToken;
pub use topology::{
    APPLICATIONS, Address, Arguments, Binding, DeclareExchange, Exchange, ExchangeKind, FieldValue,
    MatchHeaders, NamedAddress, NarrowedAddress, Overflow, Queue, QueueKind, Route,
};
pub use transport::{ConnectionState, MemoryTransport, Transport, TransportError};
