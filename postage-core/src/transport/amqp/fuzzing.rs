//! What the fuzz targets reach of this room; there is no such module without `--cfg fuzzing`.

use bytes::BytesMut;
use futures_util::io::{AsyncRead, AsyncWrite};

use super::direct;
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

/// What comes of a stream, where channel 1 consumes and channel 2 publishes: the messages, what is said
/// of publications, what lapin reads, and how it ends.
pub fn carried(stream: impl AsyncRead + AsyncWrite + Unpin) -> [String; 4] {
    direct::fuzzing::carried(Guard::new(stream, Switch::default()))
}

/// Properties as they come off the socket.
pub fn read(bytes: &[u8]) -> Option<Properties> {
    direct::properties::read(bytes)
}

/// Properties as they go to the socket; the error is a reason.
pub fn write(properties: &Properties) -> Result<Vec<u8>, String> {
    let mut out = BytesMut::new();
    direct::properties::write(&mut out, properties).map(|()| out.to_vec())
}

/// What lapin reads.
pub fn read_by_lapin(bytes: &[u8]) -> Option<Properties> {
    direct::by_lapin::read(bytes)
}

/// What lapin writes.
pub fn written_by_lapin(properties: &Properties) -> Result<Vec<u8>, String> {
    direct::by_lapin::write(properties)
}
