//! Uses that are legal and seldom: each compiles without a warning and does what it says.

#![deny(warnings)]
#![allow(clippy::borrowed_box, clippy::unused_unit, reason = "odd types are meant")]
#![allow(missing_docs, unreachable_pub, reason = "modules stand for crates")]
#![allow(unused_qualifications, unused_braces, unused_parens, reason = "odd spellings are meant")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

mod attributes;
mod modules;
mod signatures;
mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postage_core::DeclareHandler;
use postage_core::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[exchange(name = "odd")]
pub struct Odd;

/// A service, for as long as its handle is held, and the broker to reach it by.
async fn serve<P: MessageProcessor>(service: P) -> (Broker, Serving) {
    let broker = Broker::memory();
    let serving = broker.serve(service).await.unwrap();
    (broker, serving)
}

fn us() -> Fingerprint {
    Fingerprint::new("odd", "test")
}
