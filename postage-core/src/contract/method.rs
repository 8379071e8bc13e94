use std::time::Duration;

use serde_json::Value;

use super::fit::{explained, misfits};
use super::shape::Shape;
use super::{Parameter, Signature};
use crate::message::Category;
use crate::schema::{SchemaSource, Way};

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
    version: Option<&'static str>,
    signature: Option<fn() -> &'static Signature>,
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
            version: None,
            signature: None,
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
    pub const fn with_version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_signature(mut self, signature: fn() -> &'static Signature) -> Self {
        self.signature = Some(signature);
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
    /// `Result<T, E>`. `None` where the type has [none](crate::Contract#schemas), and for a message.
    #[must_use]
    pub fn returns_schema(&self) -> Option<Value> {
        self.returns_schema.schema(Way::Answered)
    }

    /// The JSON Schema of its documented error, the `E` of `Result<T, E>`, made anew. `None` where
    /// the type has [none](crate::Contract#schemas), and where there is no such error.
    #[must_use]
    pub fn error_schema(&self) -> Option<Value> {
        self.error_schema.schema(Way::Answered)
    }

    /// The version of its contract, where that [says one](crate::Contract#versions).
    #[must_use]
    pub const fn version(&self) -> Option<&'static str> {
        self.version
    }

    /// The [signature](crate::Contract#signatures) that its client sends along, and that its service
    /// compares. `None` for a handler beyond a contract.
    #[must_use]
    pub fn signature(&self) -> Option<&'static str> {
        self.signature.map(|signature| signature().text())
    }

    /// Why its service cannot take a request of this signature, if it cannot. One that is none is
    /// passed over.
    pub(crate) fn misfit(&self, sent: &str) -> Option<String> {
        let own = self.signature()?;
        if own == sent {
            return None;
        }
        let misfits = misfits(&Shape::read(sent)?, &Shape::read(own)?);
        (!misfits.is_empty()).then(|| format!("`{}` {}", self.name, explained(&misfits)))
    }

    /// Its documentation, as written.
    #[must_use]
    pub const fn documentation(&self) -> &'static str {
        self.doc
    }
}
