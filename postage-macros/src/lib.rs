//! The macros of `postage-core`. Use them through that crate.
//!
//! | macro | on | makes |
//! |---|---|---|
//! | [`macro@exchange`] | a unit struct | the description of an exchange |
//! | [`macro@producer`] | a trait | a contract and its typed client |
//! | [`macro@message_processor`] | an `impl` block | a service |
//! | [`macro@rpc_handler`], [`macro@message_handler`] | a method of a service, or a struct | a handler |
//! | [`macro@reply_handler`] | a method of a service | a handler of what becomes of calls |
//!
//! Durations are texts of a whole number and a unit: `"250ms"`, `"2s"`, `"5m"`, `"1h"`. Names and
//! keys have at most 255 bytes. Flags are given alone (`passive`) or with a value
//! (`durable = false`). Every mistake of an item is reported at once, and the item itself is kept.

mod errors;
mod expand;
mod macros;
#[cfg(test)]
mod mistakes;
mod model;
mod parse;
#[cfg(test)]
mod snapshots;
mod suggest;

use proc_macro::TokenStream;

use crate::model::method::Category;

/// Makes a unit struct stand for an exchange: it implements `DeclareExchange`, so `Orders::ROUTE`
/// is the exchange, and the other macros take `Orders` as its name.
///
/// ```
/// use postage_core::prelude::*;
///
/// #[exchange(name = "orders", kind = "topic", alternate = Unrouted)]
/// pub struct Orders;
///
/// #[exchange(name = "unrouted", kind = "fanout", durable = false)]
/// pub struct Unrouted;
///
/// assert_eq!(Orders::ROUTE.alternate_exchange(), Some("unrouted"));
/// ```
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = "…"` | the exchange's name | required |
/// | `kind = "…"` | `direct`, `topic`, `fanout`, `headers`, or a plugin's `x-…` | `direct` |
/// | `passive` | only check that the exchange exists | `false` |
/// | `durable` | it survives a restart of the broker | `true` |
/// | `auto_delete` | it goes with its last binding | `false` |
/// | `internal` | only other exchanges publish to it | `false` |
/// | `alternate = …` | the exchange, by name or by type, that gets what this one cannot route | none |
/// | `arguments("name" = value, …)` | more arguments: texts, numbers, `true`, `false` | none |
/// | `crate = …` | where `postage-core` is, under another name | `"postage_core"` |
#[proc_macro_attribute]
pub fn exchange(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::exchange(arguments.into(), item.into()).into()
}

/// Makes a trait a contract: what one may ask of a service, and the typed client that asks.
///
/// The trait stays a trait. Its methods are declared as `async fn` and are given futures that are
/// `Send`; a service implements them with plain `async fn`, and is tested by calling it. Beside it
/// come a constant of the same name, which describes the contract, the client `{Trait}Producer`, and a
/// hidden struct by which messages reach the methods.
///
/// ```
/// use postage_core::prelude::*;
///
/// #[exchange(name = "orders", kind = "topic")]
/// pub struct Orders;
///
/// /// What one may ask of the order desk.
/// #[producer(exchange = Orders, key = "orders.desk", timeout = "5s")]
/// pub trait OrderDesk {
///     /// Places an order and answers its number.
///     #[rpc(timeout = "2s", max_retry = 4)]
///     async fn place(&self, item: &str, quantity: u32) -> Result<u64, String>;
///
///     /// Says that stock has moved. Nobody answers.
///     #[message(key = "orders.stock.moved")]
///     async fn restock(&self, item: &str, #[default(1)] quantity: u32);
/// }
///
/// assert_eq!(OrderDesk.methods()[0].name(), "place");
/// # fn example(broker: &Broker) {
/// let orders = OrderDeskProducer::new(broker, Fingerprint::new("shop", "front-end"));
/// let call: Call<u64, CallError<String>> = orders.place("anvil", 2);
/// # }
/// ```
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `exchange = Orders`, `key = "…"` | where messages and calls go | this, `eks` or `application` is required |
/// | `eks(Orders = "key", Audit = "all")` | several: messages go to all, calls to the first | |
/// | `application = "monitor"` | to one application of this name, the next each time; `application` alone: each call says by `to` where it goes | |
/// | `timeout = "30s"` | how long each attempt of a call waits | 30 s |
/// | `max_retry = 4` | how often a call is sent again after a time-out | 4 |
/// | `deadline = "2m"` | how long all attempts may take together | none |
/// | `peer = "python"` | the service returns no correlation id: each call has its own reply address | `"postage"` |
/// | `version = "2"` | which of several versions of the contract this is, 1 to 255 bytes: a service of several answers each caller by its own | none |
/// | `name = Ident` | the client's name | `{Trait}Producer` |
/// | `crate = …` | where `postage-core` is, under another name | `"postage_core"` |
///
/// # Methods
///
/// A client's settings are changed by its `with`: `client.with(|producer| producer.timeout(..))`
/// makes another with other timeouts, retries, routes or layers.
///
/// Each is marked `#[rpc]`, when the caller waits for an answer, `#[message]` when nobody does, or
/// `#[signal(ttl = "…")]`: a message that reaches its handler within this time or not at all, as
/// `Publish::signal` has it. An rpc method
/// that returns `T` gives the client a `Call<T, CallFault>`; one that returns `Result<T, E>` a
/// `Call<T, CallError<E>>`. `Result` is recognised by its name: an alias of it is an error.
///
/// | argument | of | meaning | default |
/// |---|---|---|---|
/// | `name = "…"` | all | the name on the wire | the method's |
/// | `type = "…"` | all | the message type on the wire | `"command"` |
/// | `key = "…"` | all | another key than the contract's | |
/// | `bare` | all | the only parameter travels without its name, as Python sends it | `false` |
/// | `persistent` | all | the message survives a restart of the broker, in a durable queue | messages do, calls and signals do not |
/// | `priority = 0..=255` | all | its priority, in queues that have them | none |
/// | `timeout`, `max_retry`, `deadline` | `#[rpc]` | as for the contract | the contract's |
/// | `cancellable` | `#[rpc]` | its handler is stopped when the caller drops the call or its time is up, unless it asks for `Context::cancelled` | `false` |
/// | `ttl = "…"` | `#[message]` | how long the message may wait in a queue | for ever |
/// | `ttl = "…"` | `#[signal]` | how late it may be, wherever it waits | required |
///
/// Parameters travel by name, `r#` and leading underscores left out. They may be lent: `&str`,
/// `&[T]`, `&T`, or an `Option` of one. A service takes an `Option` as `None` where the caller left
/// it out, and what is marked `#[default]` or `#[default(value)]` as that value.
#[proc_macro_attribute]
pub fn producer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::producer(arguments.into(), item.into()).into()
}

/// Makes the type of an `impl` block a service, which `Broker::serve` runs: either the
/// implementation of a contract, or a plain `impl` with handlers.
///
/// ```
/// use postage_core::prelude::*;
///
/// #[exchange(name = "orders", kind = "topic")]
/// pub struct Orders;
///
/// struct Desk;
///
/// #[message_processor(
///     exchange = Orders,
///     queue(name = "order-desk", kind = "quorum", dead_letter = "dead-orders"),
///     key = "orders.desk",
///     bind(exchange = Orders, queue = "order-desk", key = "orders.stock.*"),
///     prefetch = 50,
///     retry(attempts = 5, pause = "2s")
/// )]
/// impl Desk {
///     #[rpc_handler]
///     async fn recount(&self, aisle: u32, note: Option<&str>) -> Result<u32, String> {
///         note.map(|_| aisle).ok_or_else(|| "say why".to_owned())
///     }
///
///     #[message_handler("status", "online", full_body)]
///     async fn online(&self, message: &Message<'_>) {
///         println!("{:?}", message.fingerprint());
///     }
/// }
/// ```
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `exchange = Orders`, `queue = "…"`, `key = "…"` | a queue to consume, and its binding | none |
/// | `headers(match = "…", "name" = value, …)` | instead of the key, for a headers exchange | none |
/// | `bind(exchange = …, queue = …, key = "…")` | one more binding; may be repeated | none |
/// | `prefetch = 1..=65535` | how many unsettled messages a queue may have out | the runtime's |
/// | `concurrency = n` | how many handlers may run at once | as many as are out |
/// | `retry(attempts = 5, pause = "1s", longest = "1m")` | how often a message whose handler failed is tried in all, the first pause, which doubles, and the longest | one attempt; 1 s, 5 min |
/// | `dedup = false` | handle a message again that comes again under its id | `true` |
/// | `quit = false` | do not obey the built-in command `quit` | `true` |
/// | `restart = false` | do not obey the built-in command `restart` | `true` |
/// | `traces = false` | keep to itself the causes of exceptions and errors, and the modules of their types | `true` |
/// | `handlers(A, B)` | handlers that are structs | none |
/// | `crate = …` | where `postage-core` is, under another name | `"postage_core"` |
///
/// A `queue` without `exchange` is consumed by its name. Fanout and headers exchanges go by no key
/// and need none; for the other kinds a missing `key` is an error. With no queue at all, queues are
/// given at run time. Where keys are given, those of the contract are checked against them when the
/// service is compiled.
///
/// # Bindings by headers
///
/// A headers exchange routes by the headers of a message. `headers(…)` says which ones it must have,
/// and `match` how many of them:
///
/// | `match` | meaning |
/// |---|---|
/// | `"all"` | every one; the default |
/// | `"any"` | at least one |
/// | `"all-with-x"`, `"any-with-x"` | the same, and headers whose names begin with `x-` count too |
///
/// ```
/// use postage_core::prelude::*;
///
/// #[exchange(name = "events", kind = "headers")]
/// pub struct Events;
///
/// struct Europe;
///
/// #[message_processor(
///     bind(exchange = Events, queue = "europe", headers("region" = "eu", "size" = 3)),
///     bind(exchange = Events, queue = "europe", headers(match = "any", "urgent" = true, "all" = true))
/// )]
/// impl Europe {
///     #[message_handler]
///     async fn moved(&self, item: &str) {
///         println!("{item}");
///     }
/// }
/// ```
///
/// # Queues
///
/// `queue(…)` describes the queue: give the flags once for each name.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = "…"` | the queue's name | required |
/// | `passive` | only check that it exists | `false` |
/// | `durable` | it survives a restart of the broker | `true` |
/// | `exclusive` | only this connection uses it, and it goes with it | `false` |
/// | `auto_delete` | it goes with its last consumer | `false` |
/// | `kind = "…"` | `classic` or `quorum` | the broker's |
/// | `ttl = "30s"` | how long a message may wait | for ever |
/// | `expires = "1h"` | how long the queue may be unused | for ever |
/// | `max_length = n`, `max_bytes = n` | how many messages, or bytes of bodies, it holds | no limit |
/// | `overflow = "…"` | `drop-head`, `reject-publish` or `reject-publish-dlx` | the broker's |
/// | `dead_letter = …` | the exchange, by name or by type, that gets what was rejected | none |
/// | `dead_letter_key = "…"` | the key it gets it under | the message's own |
/// | `arguments("name" = value, …)` | more arguments | none |
///
/// # Methods
///
/// In a contract's implementation, a method without an attribute is the contract's; one marked
/// [`rpc_handler`](macro@rpc_handler) or [`message_handler`](macro@message_handler) goes beyond it
/// and becomes an ordinary method of the type. In a plain `impl`, methods without an attribute are
/// left alone. Handlers take `&self`, are `async` or not, and besides what the message brings:
///
/// - `#[context] cx: &Context`: the deadline, the fingerprint, the headers;
/// - `#[reply] answer: Reply<'_, T>` or `Reply<'_, T, E>`, for calls only: to answer early and go
///   on working. Such a handler returns nothing. Called directly, a contract's method returns what
///   was replied, and panics when the handler ends without a reply.
///
/// The other attributes of a method stay with its body. Each handler's future is in a box of its own, as
/// large as what it holds while it waits.
#[proc_macro_attribute]
pub fn message_processor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::message_processor(arguments.into(), item.into()).into()
}

/// Marks a method of a [`message_processor`](macro@message_processor), or a struct, that answers
/// calls.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `"type", "name"`, or `type = "…"`, `name = "…"` | which calls it answers | `"command"`, its own name |
/// | `full_body` | a method takes the whole message: `&Message<'_>` | `false` |
/// | `filter = path` | on a method: a function that changes or refuses the content first; may be repeated | none |
/// | `cancellable` | the handler is stopped when a caller that says so has left, unless it asks for `Context::cancelled` | `false` |
/// | `crate = …` | on a struct: where `postage-core` is, under another name | `"postage_core"` |
///
/// A method may be marked several times. A struct is decoded from the parameters and run by its
/// `Handle` implementation, which sees the service; `handlers(…)` puts it into one. Its default name
/// is the struct's in snake case.
///
/// ```
/// use postage_core::{Context, Handle, message_processor, rpc_handler};
/// use serde::Deserialize;
///
/// struct Desk {
///     aisles: u32,
/// }
///
/// #[message_processor(queue = "desk", handlers(Sweep))]
/// impl Desk {
///     #[rpc_handler("command", "count")]
///     fn aisles(&self) -> u32 {
///         self.aisles
///     }
/// }
///
/// #[rpc_handler]
/// #[derive(Deserialize)]
/// struct Sweep {
///     aisle: u32,
/// }
///
/// impl Handle<Desk> for Sweep {
///     type Value = u32;
///     type Error = String;
///
///     async fn handle(self, desk: &Desk, _: &Context) -> Result<u32, String> {
///         if self.aisle < desk.aisles { Ok(self.aisle) } else { Err("no such aisle".into()) }
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn rpc_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::handler(Category::Rpc, arguments.into(), item.into()).into()
}

/// Marks a method of a [`message_processor`](macro@message_processor), or a struct, that takes
/// messages which nobody waits for. Its arguments are those of [`macro@rpc_handler`], but
/// for `cancellable`.
///
/// It returns nothing, a `Result` whose error fails the message, or an `Outcome`. What fails is tried
/// again as `retry(…)` of the service says, and is a dead letter after that. Several handlers of one type
/// and name all run, in the order written. The first that is not done with the message decides what
/// becomes of it; where it is tried again, all of them run again.
///
/// ```
/// use postage_core::{Context, FilterError, message_handler, message_processor};
///
/// struct Desk;
///
/// fn by_day(content: &mut serde_json::Value, _: &Context) -> Result<(), FilterError> {
///     match content["parameters"]["hour"].as_u64() {
///         Some(8..20) => Ok(()),
///         _ => Err(FilterError::new("we sweep from 8 to 20")),
///     }
/// }
///
/// #[message_processor(queue = "desk")]
/// impl Desk {
///     #[message_handler(filter = by_day)]
///     #[message_handler("command", "sweep_now")]
///     async fn sweep(&self, aisle: u32) -> Result<(), String> {
///         if aisle < 10 { Ok(()) } else { Err("no such aisle".to_owned()) }
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn message_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::handler(Category::Message, arguments.into(), item.into()).into()
}

/// Marks a method of a [`message_processor`](macro@message_processor) that takes what became of calls
/// whose answers go to a queue of that service, by `Call::answer_to`: in the process that called, in
/// another one, after a restart of both.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `of = Client::method` | the calls of this method of a generated client, not of the trait; its types are checked | none |
/// | `"name"`, or `name = "…"` | the calls of this name on the wire | the method's own |
///
/// It takes one parameter, and a `#[context]` where it wants to know which call it was
/// (`Context::correlation_id`) and what the caller's own data were (`Context::data`):
///
/// - `Result<T, CallFault>`, or `Result<T, CallError<E>>` where the call documents an error: how the
///   call ended;
/// - `Event<T, CallFault>` or `Event<T, CallError<E>>`: its statuses too, where the caller asked for
///   them by `AnswerTo::with_statuses`.
///
/// It returns what a [`message_handler`](macro@message_handler) does. Each call is answered at least
/// once: a service that was killed may do it again. Handlers run side by side, so where the order of
/// statuses matters, the processor has `concurrency = 1`. One service has one reply handler for a
/// command, also where the command is of several contracts or versions: have the answers of each go to
/// a queue of its own. An answer that no handler takes is a dead letter where the queue has a
/// `dead_letter`.
///
/// ```
/// use postage_core::prelude::*;
///
/// #[exchange(name = "orders", kind = "topic")]
/// pub struct Orders;
///
/// #[producer(exchange = Orders, key = "orders.desk")]
/// pub trait OrderDesk {
///     #[rpc]
///     async fn place(&self, item: &str, quantity: u32) -> Result<u64, String>;
/// }
///
/// struct Shop;
///
/// #[message_processor(queue = "shop-answers")]
/// impl Shop {
///     #[reply_handler(of = OrderDeskProducer::place)]
///     async fn placed(&self, #[context] cx: &Context, answer: Result<u64, CallError<String>>) {
///         let customer: Option<String> = cx.data().ok();
///         println!("{customer:?} has order {answer:?}");
///     }
/// }
///
/// # async fn example(broker: &Broker, orders: OrderDeskProducer) -> Result<(), Box<dyn std::error::Error>> {
/// let shop = broker.serve(Shop).await?;
/// orders.place("anvil", 2).data("Ann").answer_to(Queue::new("shop-answers")).await?;
/// # Ok(()) }
/// ```
#[proc_macro_attribute]
pub fn reply_handler(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    macros::reply_handler(item.into()).into()
}
