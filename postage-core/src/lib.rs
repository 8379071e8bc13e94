//! Annotated services and typed clients that talk through messages.

mod config;
pub mod message;
pub mod topology;
pub mod transport;

pub use config::Config;
pub use message::*;
pub use topology::*;
pub use transport::TransportError;
