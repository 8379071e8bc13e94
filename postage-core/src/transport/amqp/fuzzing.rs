//! What the fuzz targets reach of this room; there is no such module without `--cfg fuzzing`.

use futures_util::io::AsyncRead;
use lapin::BasicProperties;

use super::convert;
use super::guard::{self, Guard};
use super::wire::Switch;
use crate::transport::{Properties, tables};

/// How deep tables and lists may be nested.
pub const DEEPEST: usize = tables::DEEPEST;

/// The content type of a message whose properties cannot be read.
pub const UNREADABLE: &str = guard::UNREADABLE;

/// A stream whose reads pass the guard.
pub fn guarded(stream: impl AsyncRead + Unpin) -> impl AsyncRead + Unpin {
    Guard::new(stream, Switch::default())
}

/// AMQP's properties as ours.
pub fn from_basic(basic: &BasicProperties) -> Properties {
    convert::from_basic(basic)
}

/// Our properties as AMQP's; the error is a reason.
pub fn to_basic(properties: &Properties) -> Result<BasicProperties, String> {
    convert::to_basic(properties)
}
