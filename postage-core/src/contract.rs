//! A contract as data: what `#[producer]` says of a trait, for the client, the service, and
//! whoever documents or inspects them.

use std::time::Duration;

use serde_json::Value;

use crate::message::Category;
use crate::schema::{SchemaSource, Way};
use crate::topology::Exchange;

/// A contract: the names, keys and parameters of what one may ask. `#[producer]` makes a constant
/// of the trait's own name.
///
/// # Schemas
///
/// With the feature `schema`, each parameter, result and documented error has a JSON Schema where
/// its type implements `schemars::JsonSchema`, of `schemars` 1. Others have none, which is no error.
/// A type that is generic in its service has one where the bounds of the `impl` block say so, as in
/// `S::Item: JsonSchema`. The fields of a struct that is a handler have theirs from the struct. The
/// dialect is draft 2020-12. No broker is needed:
///
/// ```
/// # use postage_core::prelude::*;
/// # #[exchange(name = "orders")]
/// # pub struct Orders;
/// #[producer(exchange = Orders, key = "orders.desk")]
/// pub trait OrderDesk {
///     #[rpc]
///     async fn place(&self, item: &str, quantity: Option<u32>) -> u64;
/// }
///
/// for method in OrderDesk.methods() {
///     for parameter in method.parameters() {
///         println!("{} {}: {:?}", method.name(), parameter.name(), parameter.schema());
///     }
///     println!("{}: {:?}", method.name(), method.returns_schema());
/// }
/// let item = OrderDesk.methods()[0].parameters()[0].schema();
/// # #[cfg(feature = "schema")]
/// assert_eq!(item.unwrap()["type"], "string");
/// # #[cfg(not(feature = "schema"))]
/// # assert_eq!(item, None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Contract {
    name: &'static str,
    routes: &'static [(Exchange, &'static str)],
    methods: &'static [Method],
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_retry: Option<u32>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) peer: Peer,
}

/// Who is at the other end of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// A service that returns the request's correlation id: this framework's, and most others.
    /// All calls of a connection share one reply address.
    #[default]
    Postage,
    /// A service that returns none: Python Postage. Each call has a reply address of its own, at
    /// the price of some round trips to the broker and of a channel. Of one broker handle, 256
    /// such calls run at once; the others wait, within their time.
    Python,
}

impl Contract {
    /// A contract of these routes and methods.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(
        name: &'static str,
        routes: &'static [(Exchange, &'static str)],
        methods: &'static [Method],
    ) -> Self {
        Self {
            name,
            routes,
            methods,
            timeout: None,
            max_retry: None,
            deadline: None,
            peer: Peer::Postage,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn timeout_millis(mut self, millis: u64) -> Self {
        self.timeout = Some(Duration::from_millis(millis));
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn max_retry(mut self, retries: u32) -> Self {
        self.max_retry = Some(retries);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn deadline_millis(mut self, millis: u64) -> Self {
        self.deadline = Some(Duration::from_millis(millis));
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// The trait's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The exchanges and keys that its client sends to: messages to all, calls to the first.
    #[must_use]
    pub const fn routes(&self) -> &'static [(Exchange, &'static str)] {
        self.routes
    }

    /// Its methods, in the order written.
    #[must_use]
    pub const fn methods(&self) -> &'static [Method] {
        self.methods
    }
}

/// A method of a contract, or a handler beyond one.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    category: Category,
    kind: &'static str,
    name: &'static str,
    method: &'static str,
    parameters: &'static [Parameter],
    returns: &'static str,
    returns_schema: SchemaSource,
    error_schema: SchemaSource,
    doc: &'static str,
    pub(crate) key: Option<&'static str>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_retry: Option<u32>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) persistent: Option<bool>,
    pub(crate) priority: Option<u8>,
    pub(crate) ttl: Option<Duration>,
    cancellable: bool,
    signal: bool,
}

impl Method {
    const fn new(
        category: Category,
        kind: &'static str,
        name: &'static str,
        method: &'static str,
        parameters: &'static [Parameter],
        returns: &'static str,
    ) -> Self {
        Self {
            category,
            kind,
            name,
            method,
            parameters,
            returns,
            returns_schema: SchemaSource::NONE,
            error_schema: SchemaSource::NONE,
            doc: "",
            key: None,
            timeout: None,
            max_retry: None,
            deadline: None,
            persistent: None,
            priority: None,
            ttl: None,
            cancellable: false,
            signal: false,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn rpc(
        kind: &'static str,
        name: &'static str,
        method: &'static str,
        parameters: &'static [Parameter],
        returns: &'static str,
    ) -> Self {
        Self::new(Category::Rpc, kind, name, method, parameters, returns)
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn message(
        kind: &'static str,
        name: &'static str,
        method: &'static str,
        parameters: &'static [Parameter],
    ) -> Self {
        Self::new(Category::Message, kind, name, method, parameters, "()")
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn timeout_millis(mut self, millis: u64) -> Self {
        self.timeout = Some(Duration::from_millis(millis));
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn max_retry(mut self, retries: u32) -> Self {
        self.max_retry = Some(retries);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn deadline_millis(mut self, millis: u64) -> Self {
        self.deadline = Some(Duration::from_millis(millis));
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = Some(persistent);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn ttl_millis(mut self, millis: u64) -> Self {
        self.ttl = Some(Duration::from_millis(millis));
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn cancellable(mut self) -> Self {
        self.cancellable = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn signal(mut self) -> Self {
        self.signal = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_returns_schema(mut self, schema: SchemaSource) -> Self {
        self.returns_schema = schema;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_error_schema(mut self, schema: SchemaSource) -> Self {
        self.error_schema = schema;
        self
    }

    /// What a struct answers, unless nobody is answered.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_struct_answer(self, value: SchemaSource, error: SchemaSource) -> Self {
        match self.category {
            Category::Rpc => self.with_returns_schema(value).with_error_schema(error),
            Category::Message => self,
        }
    }

    /// Whether its handler is stopped when its caller has left.
    #[must_use]
    pub const fn is_cancellable(&self) -> bool {
        self.cancellable
    }

    /// Whether it is a message that is dropped where it would be late.
    #[must_use]
    pub const fn is_signal(&self) -> bool {
        self.signal
    }

    /// Whether it is called or only told.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.category
    }

    /// The message type on the wire, usually `command`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The name in Rust.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The parameters, in the order written.
    #[must_use]
    pub const fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    /// The type that it returns, as written.
    #[must_use]
    pub const fn returns(&self) -> &'static str {
        self.returns
    }

    /// The JSON Schema of the value that it answers, made anew: `T` where it returns
    /// `Result<T, E>`. `None` where the type has [none](Contract#schemas), and for a message.
    #[must_use]
    pub fn returns_schema(&self) -> Option<Value> {
        self.returns_schema.schema(Way::Answered)
    }

    /// The JSON Schema of its documented error, the `E` of `Result<T, E>`, made anew. `None` where
    /// the type has [none](Contract#schemas), and where there is no such error.
    #[must_use]
    pub fn error_schema(&self) -> Option<Value> {
        self.error_schema.schema(Way::Answered)
    }

    /// Its documentation, as written.
    #[must_use]
    pub const fn documentation(&self) -> &'static str {
        self.doc
    }
}

/// A parameter of a [`Method`].
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) rust_type: &'static str,
    schema: SchemaSource,
    /// The schema is that of a struct, of which this is a field.
    of_struct: bool,
}

impl Parameter {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, rust_type: &'static str) -> Self {
        Self { name, rust_type, schema: SchemaSource::NONE, of_struct: false }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_schema(mut self, schema: SchemaSource) -> Self {
        self.schema = schema;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_schema_of_struct(mut self, schema: SchemaSource) -> Self {
        self.schema = schema;
        self.of_struct = true;
        self
    }

    /// The name, in Rust and on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The type, as written.
    #[must_use]
    pub const fn rust_type(&self) -> &'static str {
        self.rust_type
    }

    /// The JSON Schema of what may be sent for it, made anew. `None` where the type has
    /// [none](Contract#schemas).
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        if self.of_struct {
            self.schema.field(Way::Asked, self.name)
        } else {
            self.schema.schema(Way::Asked)
        }
    }
}

/// Equal are those of one name and one type as written.
impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.rust_type) == (other.name, other.rust_type)
    }
}

impl Eq for Parameter {}
