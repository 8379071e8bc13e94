//! A service with no contract, as Python Postage has them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};

use postage_core::FilterError;
use postage_core::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[exchange(name = "desk")]
struct DeskExchange;

struct Desk<T> {
    aisles: T,
    calls: AtomicU32,
    heard: mpsc::Sender<String>,
}

fn even_only(content: &mut Value, _: &Context) -> Result<(), FilterError> {
    match content["parameters"]["aisle"].as_u64() {
        Some(aisle) if aisle % 2 == 0 => Ok(()),
        _ => Err(FilterError::new("odd")),
    }
}

fn add_one(content: &mut Value, _: &Context) -> Result<(), FilterError> {
    let aisle = content["parameters"]["aisle"].as_u64().unwrap_or_default();
    content["parameters"]["aisle"] = json!(aisle + 1);
    Ok(())
}

#[message_processor(exchange = DeskExchange, queue = "desk", key = "desk", handlers(Sweep, Note))]
impl<T> Desk<T>
where
    T: Display + Send + Sync + 'static,
{
    #[rpc_handler]
    #[rpc_handler("query", "count")]
    async fn count(&self, #[default(7)] aisle: u32, _unused: Option<&str>) -> Result<u32, String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if aisle == 0 { Err("no such aisle".into()) } else { Ok(aisle) }
    }

    #[rpc_handler]
    fn aisles(&self) -> String {
        self.aisles.to_string()
    }

    #[rpc_handler("command", "filtered", filter = even_only, filter = add_one)]
    fn filtered(&self, aisle: u32) -> u32 {
        aisle
    }

    #[rpc_handler(name = "whole", full_body)]
    async fn whole(&self, message: &Message<'_>, #[context] cx: &Context) -> String {
        format!("{} {}", message.name(), cx.message().unwrap().kind())
    }

    #[message_handler("status", "online")]
    async fn first(&self) {
        self.heard.send("first".into()).await.unwrap();
    }

    #[message_handler("status", "online")]
    async fn second(&self, #[context] _cx: &Context) -> Result<(), String> {
        self.heard.send("second".into()).await.map_err(|error| error.to_string())
    }

    #[rpc_handler]
    async fn early(&self, #[reply] answer: Reply<'_, u32, String>, number: u32) {
        let sent = match number {
            0 => answer.error("zero".to_owned()).await,
            number => answer.send(number).await,
        };
        sent.unwrap();
        self.heard.send("after the reply".into()).await.unwrap();
    }
}

#[rpc_handler("command", "sweep")]
#[derive(Deserialize)]
struct Sweep {
    aisle: u32,
}

impl<T: Sync> Handle<Desk<T>> for Sweep {
    type Value = u32;
    type Error = String;

    async fn handle(self, desk: &Desk<T>, _: &Context) -> Result<u32, String> {
        Ok(self.aisle + desk.calls.load(Ordering::SeqCst))
    }
}

#[message_handler]
#[derive(Deserialize)]
struct Note;

impl<T: Sync> Handle<Desk<T>> for Note {
    type Value = ();
    type Error = String;

    async fn handle(self, desk: &Desk<T>, _: &Context) -> Result<(), String> {
        desk.heard.send("note".into()).await.map_err(|error| error.to_string())
    }
}

async fn served() -> (Serving, Producer, mpsc::Receiver<String>) {
    let broker = Broker::memory();
    let (sender, heard) = mpsc::channel(8);
    let desk = Desk { aisles: "a, b", calls: AtomicU32::new(0), heard: sender };
    let serving = broker.serve(desk).await.unwrap();
    let producer = Producer::new(&broker, Fingerprint::new("test", "test"));
    (serving, producer.eks([(DeskExchange::ROUTE, "desk")]), heard)
}

#[tokio::test]
async fn calls_are_answered_under_every_name_of_their_handler() {
    let (_serving, producer, _heard) = served().await;
    assert_eq!(producer.rpc::<u32>("count", json!({ "aisle": 3 })).await.unwrap(), 3);
    assert_eq!(producer.rpc::<u32>("count", json!({})).await.unwrap(), 7);
    assert_eq!(producer.rpc::<String>("aisles", json!({})).await.unwrap(), "a, b");
    assert_eq!(producer.rpc::<u32>("sweep", json!({ "aisle": 3 })).await.unwrap(), 5);
    assert_eq!(producer.rpc::<String>("whole", json!({})).await.unwrap(), "whole command");
}

#[tokio::test]
async fn filters_change_or_refuse_in_the_order_written() {
    let (_serving, producer, _heard) = served().await;
    assert_eq!(producer.rpc::<u32>("filtered", json!({ "aisle": 2 })).await.unwrap(), 3);
    match producer.rpc::<u32>("filtered", json!({ "aisle": 3 })).await {
        Err(CallFault::Exception(exception)) => assert_eq!(exception.name, "FilterError"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_handlers_of_a_message_run_in_the_order_written() {
    let (_serving, producer, mut heard) = served().await;
    producer.status("online").await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "first");
    assert_eq!(heard.recv().await.unwrap(), "second");
    producer.command("note", json!({})).await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "note");
}

#[tokio::test]
async fn a_handler_goes_on_after_its_reply() {
    let (_serving, producer, mut heard) = served().await;
    assert_eq!(producer.rpc::<u32>("early", json!({ "number": 4 })).await.unwrap(), 4);
    assert_eq!(heard.recv().await.unwrap(), "after the reply");
}
