//! Where messages travel: exchanges, queues, bindings and routing keys.
//!
//! These are descriptions. A [`Transport`](crate::transport::Transport) makes them real.

mod arguments;
mod binding;
mod exchange;
mod queue;
pub(crate) mod routing;

pub use arguments::{Arguments, FieldValue};
pub use binding::{Binding, MatchHeaders, Route};
pub use exchange::{DeclareExchange, Exchange, ExchangeFlags, ExchangeKind, exchange};
pub use queue::{Overflow, Queue, QueueKind};
