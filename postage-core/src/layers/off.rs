//! Without the feature `tower`: layers of which there are none, so that nobody else need ask.

use std::sync::Arc;

use bytes::Bytes;

use super::Failure;
use crate::error::{CallFault, SendError};
use crate::processor::{Entry, Held, Outcome};
use crate::producer::{Outgoing, Pending, Request, Started};

#[derive(Clone, Debug)]
pub(crate) enum HandlerService {}

#[derive(Clone, Debug)]
pub(crate) enum SendingService {}

pub(crate) async fn handle(
    layers: &HandlerService,
    _: Arc<Held>,
    _: Entry,
) -> Result<Outcome, Failure> {
    match *layers {}
}

pub(crate) async fn send(layers: SendingService, _: Box<Outgoing>) -> Result<(), SendError> {
    match layers {}
}

pub(crate) async fn call(
    layers: SendingService,
    _: Box<Request>,
    _: Option<Started>,
) -> Result<Bytes, CallFault> {
    match layers {}
}

pub(crate) async fn call_many(
    layers: SendingService,
    _: Box<Request>,
) -> Result<Box<Pending>, CallFault> {
    match layers {}
}
