//! Receiving: consume, decode, dispatch, handle, settle, reply.

mod cancel;
mod causes;
mod checks;
mod consume;
mod context;
mod counts;
mod dead_letters;
mod dedup;
mod deliver;
mod dispatch;
mod ending;
mod erased;
mod filter;
mod guarded;
mod handle;
mod handler;
#[cfg_attr(not(feature = "tower"), allow(dead_code, reason = "without layers nobody holds it"))]
mod held;
mod history;
mod lasting;
mod left;
mod lines;
mod listening;
mod outcome;
mod parameters;
mod progress;
mod replier;
mod reply;
mod reply_handler;
mod report;
mod reports;
mod request;
mod retry;
mod seldom;
mod serve;
mod service;
mod serving;
mod settle;
mod setup;
mod sources;
mod table;
mod taken;
mod turn;
mod unhandled;
mod waiting;
mod within;
mod workers;

pub use causes::{Causes, CausesProbe, NoCauses};
pub use checks::{
    check_handlers, check_keyless, check_parameters, check_routes, exchange_name, handler_slots,
    place_of,
};
pub(crate) use consume::start;
pub use context::Context;
pub(crate) use counts::Counts;
pub use dead_letters::{DeadLetter, DeadLetters};
pub use dedup::{Answer, Claim, DedupStore, RecentMessages};
pub(crate) use erased::AnyProcessor;
pub use filter::{Filter, FilterError};
pub use handler::{DeclareHandler, Handle, read_handler, run_handler};
pub(crate) use held::Held;
pub use outcome::{IntoOutcome, Outcome};
pub use parameters::{BadParameters, Parameters};
pub(crate) use replier::Origin;
#[cfg(feature = "testing")]
pub(crate) use replier::Prepared;
pub use reply::{Reply, local_reply, local_reply_result};
pub use reply_handler::{Client, FromReply, answered_name, check_reply};
pub use request::{ErrorText, Request};
pub use retry::Retry;
pub use serve::Serve;
pub(crate) use service::Service;
pub(crate) use serving::Running;
pub use serving::{Drained, Serving, Stopped};
pub use setup::{
    DEFAULT_HANDLER_TIME, DEFAULT_PREFETCH, DEFAULT_PROGRESS_EVERY, ReplyTo, ServiceSetup,
};
#[cfg(feature = "testing")]
pub(crate) use table::nearest;
pub(crate) use table::{Entry, Table};

use crate::contract::Method;
use crate::transport::BoxFuture;

/// A service: what it handles and how. `#[message_processor]` implements it for the type of an
/// `impl` block.
///
/// Handlers take `&self` and run side by side; what they change they keep in an atomic, a lock, or
/// behind a channel of their own choice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "annotate an `impl` block of it with `#[message_processor(..)]`",
    note = "a service is shared between tasks, so it must be `Send`, `Sync` and `'static`"
)]
pub trait MessageProcessor: Send + Sync + 'static {
    /// The type's name.
    #[doc(hidden)]
    const NAME: &'static str;

    /// The handlers. A handler's index is its place in the slices, one after the other.
    #[doc(hidden)]
    const TABLE: &'static [&'static [Method]];

    /// Queues, bindings and settings as the attributes say.
    #[doc(hidden)]
    fn setup() -> ServiceSetup;

    /// Runs the handler of this index.
    #[doc(hidden)]
    fn dispatch<'a>(&'a self, index: usize, request: Request<'a>) -> BoxFuture<'a, Outcome>;
}

impl<P: MessageProcessor> MessageProcessor for std::sync::Arc<P> {
    const NAME: &'static str = P::NAME;
    const TABLE: &'static [&'static [Method]] = P::TABLE;

    fn setup() -> ServiceSetup {
        P::setup()
    }

    fn dispatch<'a>(&'a self, index: usize, request: Request<'a>) -> BoxFuture<'a, Outcome> {
        P::dispatch(self, index, request)
    }
}
