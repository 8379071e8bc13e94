//! Named components that find, address and watch each other.
//!
//! A service becomes an application by [`Serve::application`](crate::Serve::application). From then
//! on it can be addressed alone, by name, by host or by group, in turn or all at once: see
//! [`Address`](crate::Address). It answers [`ApplicationCommands`], and who is there is told by
//! [`Applications`].
//!
//! Its queues are those of Python Postage's `GenericApplication`, over the exchange
//! [`APPLICATIONS`](crate::APPLICATIONS); `N` is the name, `H` the host, `P` the process, `G` a group:
//!
//! | queue | keys | flags |
//! |---|---|---|
//! | `N` | `N/rr` | transient, goes with its last consumer |
//! | `N@H` | `N@H/rr` | transient, goes with its last consumer |
//! | `P@H` | `N`, `@H`, `N@H`, `P@H`, `N#G` for each group, `@` | transient, the application's own |
//! | `N#G` | `N#G/rr` | transient, stays |
//!
//! Python Postage consumes `N#G` only for groups that are given at its start. Here a group that is
//! joined at run time is addressed in turn as well: its queue is consumed from the joining to the
//! leaving.
//!
//! `P` is the id of the process, if it is alone there: a second application of one process, and one
//! of the same process id on a host of the same name (the first process of a container, say), has a
//! suffix to it, in its fingerprint too.

mod claim;
mod commands;
mod description;
mod directory;
mod groups;
mod running;
mod start;

pub use commands::{ApplicationCommands, ApplicationCommandsProducer};
pub use description::{Description, HandlerDescription, ParameterDescription, QueueDescription};
pub use directory::{Applications, Change, Watch};
pub use running::Application;
pub use start::StartApplication;
