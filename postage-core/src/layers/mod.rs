//! What handlers, calls and sends run within: `tower` layers, by the feature `tower`.

mod failure;
#[cfg(feature = "tower")]
mod handling;
#[cfg(not(feature = "tower"))]
mod off;
#[cfg(feature = "tower")]
mod sending;
#[cfg(feature = "tower")]
mod stack;

pub(crate) use failure::Failure;
#[cfg(feature = "tower")]
pub(crate) use handling::handle;
#[cfg(feature = "tower")]
pub use handling::{HandlerService, Handling};
#[cfg(not(feature = "tower"))]
pub(crate) use off::{HandlerService, SendingService, call, call_many, handle, send};
#[cfg(feature = "tower")]
pub use sending::{Receipt, Sending, SendingService};
#[cfg(feature = "tower")]
pub(crate) use sending::{call, call_many, send};
