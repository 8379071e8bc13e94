//! A contract as data: what `#[producer]` says of a trait, for the client, the service, and
//! whoever documents or inspects them.

mod change;
mod changes;
mod fit;
mod method;
mod parameter;
mod places;
mod shape;
mod signature;

use std::time::Duration;

pub use change::{Breaks, ContractChange};
pub use method::Method;
pub use parameter::Parameter;
pub(crate) use places::hash;
pub use places::{places, slots};
pub use signature::Signature;

use self::places::Places;
use crate::topology::Exchange;

/// A contract: the names, keys and parameters of what one may ask. `#[producer]` makes a constant
/// of the trait's own name.
///
/// # Versions
///
/// A contract may say its version, `#[producer(.., version = "2")]`. Its client asks for that one, in
/// the header `postage-version`, and a service of several contracts answers each caller by the right
/// one: serve them together by [`Serve::and`](crate::Serve::and).
///
/// | asked for | handled by |
/// |---|---|
/// | a version | the handlers of that version; else those without a version |
/// | none, as Python Postage and untyped callers do | the handlers without a version; else those of the version that was served first |
///
/// Where that leaves nobody, a caller gets [`CallFault::Incompatible`](crate::CallFault::Incompatible),
/// which names the versions that there are, and a message is rejected. Handlers beyond a contract have
/// no version.
///
/// # Signatures
///
/// Whatever its version, a client sends the signature of the method along, in the header
/// `postage-signature`: a text such as `item:str,quantity:u32=,note:str?->u64`, made by `#[producer]`.
/// A service compares it with its own contract's before it decodes anything. What does not fit is
/// `Incompatible`, too, with a text that names the parameter and both types.
///
/// - The parameters go by their names. One that both have must have the same type, but a caller's
///   `T` fits a service's `Option<T>`. One that the caller lacks must be an `Option`, or marked
///   `#[default]`, at the service; one that only the caller has is passed over.
/// - The service's value must have the type that the caller wants, or fit its `Option`.
/// - Documented errors do not count: one that the caller does not know is a general error to it.
///
/// Types are compared as they are written: lifetimes and paths do not count, nor does how something is
/// owned, so `&str` is `String`, `&[T]` is `Vec<T>`, and `&T` is `Box<T>` and `T`. An alias is another
/// type. A type of your own is compared by its name; with the feature `schema`, by its JSON Schema,
/// where it has one on both sides, and then whatever its name. Of that, only what must be there counts:
/// documentation does not, and a field that may be left out can come or go, unless the type denies
/// unknown fields. Both sides should have one release of `schemars`, lest it describes a type
/// otherwise.
///
/// A request without the header, as of a Python peer, is not compared; nor are handlers beyond a
/// contract. [`Contract::changes_to`] says beforehand which changes break whom.
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
    version: Option<&'static str>,
    routes: &'static [(Exchange, &'static str)],
    methods: &'static [Method],
    places: Places,
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
            version: None,
            routes,
            methods,
            places: Places(&[]),
            timeout: None,
            max_retry: None,
            deadline: None,
            peer: Peer::Postage,
        }
    }

    /// Where its methods are by name, made by [`places`].
    #[doc(hidden)]
    #[must_use]
    pub const fn with_places(mut self, places: &'static [usize]) -> Self {
        self.places = Places(places);
        self
    }

    /// The place of the method of this name in Rust. For those that a macro made.
    pub(crate) const fn place(&self, method: &str) -> Option<usize> {
        places::find(self.methods, self.places.0, method)
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn with_version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
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
    pub const fn peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// The trait's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Which of several versions of what one may ask it is, where it says one.
    #[must_use]
    pub const fn version(&self) -> Option<&'static str> {
        self.version
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
