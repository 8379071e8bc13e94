//! Named components that find, address and watch each other.
//!
//! A service becomes an application by [`Serve::application`](crate::Serve::application). From then
//! on it can be addressed alone, by name, by host or by group, in turn or all at once: see
//! [`Address`](crate::Address). It answers [`ApplicationCommands`], and who is there is told by
//! [`Applications`].

mod claim;
mod commands;
mod description;
mod directory;
mod groups;
mod running;
mod start;
mod watch;

pub use commands::{ApplicationCommands, ApplicationCommandsProducer};
pub use description::{Description, HandlerDescription, ParameterDescription, QueueDescription};
pub use directory::Applications;
pub use running::Application;
pub use start::StartApplication;
pub use watch::{Change, Watch};
