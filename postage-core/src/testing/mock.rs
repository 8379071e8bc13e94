use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::Canned;
use super::actor::Actor;
use crate::broker::Broker;
use crate::contract::{Contract, Method};
use crate::error::ServeError;
use crate::message::Category;
use crate::processor::{Serve, ServiceSetup, Serving, nearest};
use crate::topology::{Binding, Exchange, Queue};
use crate::transport::TransportError;

/// Stands in for the service of a contract, to test code that calls it: it consumes what the
/// generated client sends, answers as it is told, and remembers what it was asked.
///
/// The client is the real one and the answers travel, so time-outs, retries and errors are as in
/// production. What it answers can be changed at any time. It remembers each attempt of a call as a
/// call, and ends when it is dropped, with its queue.
///
/// ```
/// use postage_core::prelude::*;
/// use postage_core::testing::{Canned, Mock};
/// # #[exchange(name = "orders")]
/// # pub struct Orders;
/// # /// What one may ask of the order desk.
/// # #[producer(exchange = Orders, key = "desk")]
/// # pub trait OrderDesk {
/// #     /// Places an order and answers its number.
/// #     #[rpc]
/// #     async fn place(&self, item: &str, quantity: u32) -> Result<u64, String>;
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let broker = Broker::memory();
/// let desk = Mock::serve(&broker, OrderDesk).await?;
/// desk.once("place", Canned::exception("KeyError", "no shelf"));
/// desk.on("place", |(item, _): (String, u32)| match &*item {
///     "anvil" => Ok(4021),
///     other => Err(format!("no {other} here")),
/// });
///
/// let orders = OrderDeskProducer::new(&broker, Fingerprint::new("shop", "test"));
/// assert!(matches!(orders.place("anvil", 1).await, Err(CallError::Fault(CallFault::Exception(_)))));
/// assert_eq!(orders.place("anvil", 2).await?, 4021);
/// let calls: Vec<(String, u32)> = desk.calls("place");
/// assert_eq!(calls, [("anvil".to_owned(), 1), ("anvil".to_owned(), 2)]);
/// # Ok(()) }
/// ```
#[must_use = "the mock ends when it is dropped"]
pub struct Mock {
    contract: Contract,
    actor: Arc<Actor>,
    queue: String,
    serving: Serving,
}

impl Mock {
    /// Serves the contract over this broker: all its exchanges and keys, and those of its methods.
    /// A call that it was told no answer for gets the exception `NoAnswer`.
    ///
    /// # Errors
    /// [`ServeError::Transport`] when the broker says no.
    pub async fn serve(broker: &Broker, contract: Contract) -> Result<Self, ServeError> {
        let actor = Arc::new(Actor::new(contract));
        let queue = format!("mock-of-{}-{}", contract.name(), Uuid::new_v4());
        let serve = Serve::of(broker, Arc::clone(&actor) as _, setup(contract, &queue));
        // Whoever is told of progress in a test is told of all of it.
        let serve = serve.progress_every(Duration::ZERO);
        Ok(Self { contract, actor, queue, serving: serve.await? })
    }

    /// Takes what is sent with another key as well: with one that the program gives at run time, or
    /// to an application's address, such as `monitor/rr` of [`APPLICATIONS`](crate::APPLICATIONS).
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the broker says no.
    pub async fn bind(&self, exchange: &Exchange, key: &str) -> Result<(), TransportError> {
        let binding = Binding::new(exchange.clone(), self.queue.clone(), key.to_owned());
        self.serving.bind(&binding).await
    }

    /// Answers each call of this method by what the closure makes of its parameters, in the place
    /// of the closure before. It takes `()` for no parameters, the value of a single one, and a
    /// tuple, in the order of the contract, of several. Parameters of another type are the
    /// exception `InvalidParameters` to the caller, and a panic in it is the exception `Panic`.
    ///
    /// # Panics
    /// When the contract has no such method, and when nobody answers it, since it is a message.
    #[track_caller]
    pub fn on<P: DeserializeOwned, A: Into<Canned>>(
        &self,
        method: &str,
        mut answer: impl FnMut(P) -> A + Send + 'static,
    ) {
        let method = self.answered(method);
        self.actor.on(method, move |asked| typed(asked, method).map(|asked| answer(asked).into()));
    }

    /// Answers each call of this method so, whatever its parameters.
    ///
    /// # Panics
    /// As [`Mock::on`].
    #[track_caller]
    pub fn always(&self, method: &str, answer: impl Into<Canned>) {
        let answer = answer.into();
        self.actor.on(self.answered(method), move |_| Ok(answer.clone()));
    }

    /// Answers the next call of this method so, before what [`Mock::on`] says. Said several times,
    /// it is a sequence, an answer for each call.
    ///
    /// # Panics
    /// As [`Mock::on`].
    #[track_caller]
    pub fn once(&self, method: &str, answer: impl Into<Canned>) {
        self.actor.once(self.answered(method), answer.into());
    }

    /// The parameters of each call and message of this method so far, in the order in which they
    /// came, as [`Mock::on`] takes them. A message may still be under way when its sender goes on:
    /// [`Harness::idle`](super::Harness::idle) waits for it.
    ///
    /// # Panics
    /// When the contract has no such method, and when parameters are of another type. The text
    /// says what they are.
    #[must_use]
    #[track_caller]
    pub fn calls<P: DeserializeOwned>(&self, method: &str) -> Vec<P> {
        let method = self.method(method);
        let asked = self.actor.asked(method).into_iter();
        asked.map(|it| typed(it, method).unwrap_or_else(|error| panic!("{error}"))).collect()
    }

    #[track_caller]
    fn answered(&self, name: &str) -> &'static Method {
        let method = self.method(name);
        if method.category() == Category::Message {
            panic!(
                "`{name}` of `{}` is a message: nobody waits for an answer",
                self.contract.name()
            );
        }
        method
    }

    #[track_caller]
    fn method(&self, name: &str) -> &'static Method {
        let methods = self.contract.methods();
        if let Some(method) = methods.iter().find(|method| method.method() == name) {
            return method;
        }
        let names: Vec<_> = methods.iter().map(Method::method).collect();
        let (contract, known) = (self.contract.name(), names.join(", "));
        match nearest(name, &names) {
            Some(meant) => panic!(
                "`{contract}` has no method `{name}`: did you mean `{meant}`? It has: {known}"
            ),
            None => panic!("`{contract}` has no method `{name}`; it has: {known}"),
        }
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock").field("contract", &self.contract.name()).finish_non_exhaustive()
    }
}

/// One queue of its own, bound wherever the client sends. Each attempt is asked anew, so nothing is
/// answered from memory.
fn setup(contract: Contract, queue: &str) -> ServiceSetup {
    let own = Queue::new(queue.to_owned()).durable(false).exclusive(true).auto_delete(true);
    let mut setup = ServiceSetup::new().dedup(false).quit(false).restart(false).queue(own.clone());
    for (exchange, key) in contract.routes() {
        let of_methods = contract.methods().iter().filter_map(|method| method.key);
        for key in std::iter::once(*key).chain(of_methods) {
            setup = setup.bind(exchange.clone(), own.clone(), key);
        }
    }
    setup
}

/// What was asked, in the order of the contract, in a type.
fn typed<P: DeserializeOwned>(asked: Value, method: &Method) -> Result<P, String> {
    let text = asked.to_string();
    serde_json::from_value(asked).map_err(|error| {
        let parameters = method.parameters().iter();
        let parameters: Vec<_> =
            parameters.map(|it| format!("{}: {}", it.name(), it.rust_type())).collect();
        format!(
            "the parameters of `{}`, which takes ({}), are no `{}`: {error}: {text}",
            method.method(),
            parameters.join(", "),
            type_name::<P>(),
        )
    })
}
