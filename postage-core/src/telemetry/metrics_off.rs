//! Without the feature `metrics`: nothing is counted.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::Method;
use crate::producer::Outgoing;

#[derive(Debug)]
pub(super) struct Call;

impl Call {
    pub(super) const fn begin(_: &Outgoing) -> Self {
        Self
    }

    pub(super) const fn ended(&self, _: &'static str) {}
}

#[derive(Debug)]
pub(super) struct Send;

impl Send {
    pub(super) const fn begin(_: &Outgoing) -> Self {
        Self
    }

    pub(super) const fn ended(&self, _: &'static str) {}
}

#[derive(Debug)]
pub(crate) struct Delivery;

impl Delivery {
    pub(super) const fn begin(_: &Arc<str>) -> Self {
        Self
    }
}

pub(crate) const fn describe() {}

#[cfg(feature = "amqp")]
pub(crate) const fn reconnected() {}

pub(crate) const fn retried(_: &Outgoing) {}

pub(super) const fn handled(_: &Arc<str>, _: &'static Method, _: &'static str, _: Duration) {}

pub(super) const fn settled(_: &Arc<str>, _: &'static str) {}
