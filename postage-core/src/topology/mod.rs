//! Where messages travel: exchanges, queues, bindings and routing keys.
//!
//! These are descriptions. A [`Transport`](crate::transport::Transport) makes them real.

mod address;
mod arguments;
mod binding;
mod exchange;
mod queue;
pub(crate) mod routing;

pub(crate) use address::APPLICATIONS_NAME;
pub use address::{APPLICATIONS, Address, ApplicationExchange, NamedAddress, NarrowedAddress};
pub use arguments::{Arguments, FieldValue};
pub use binding::{Binding, MatchHeaders, Route};
pub use exchange::{DeclareExchange, Exchange, ExchangeFlags, ExchangeKind, exchange};
pub use queue::{Overflow, Queue, QueueKind};
