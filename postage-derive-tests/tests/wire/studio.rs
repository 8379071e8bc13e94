//! The service that `caller.py` asks, made by the macros with no contract shared.

use std::fmt;

use postage_core::RemoteException;
use postage_core::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::world::World;

/// How many messages may wait to be looked at by the test.
const HEARD: usize = 64;

/// Answers, and tells the test what it was told.
pub(crate) struct Studio {
    heard: mpsc::Sender<Value>,
}

/// The documented error.
#[derive(Debug, Serialize)]
struct TooMuch {
    left: u32,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "only {} left", self.left)
    }
}

/// A handler that is a struct.
#[rpc_handler("command", "resize")]
#[derive(Deserialize)]
struct Resize {
    w: u32,
    h: u32,
}

impl Handle<Studio> for Resize {
    type Value = [u32; 2];
    type Error = String;

    async fn handle(self, studio: &Studio, _: &Context) -> Result<[u32; 2], String> {
        studio.hear(json!({"resized": self.w})).await;
        Ok([self.w * 2, self.h * 2])
    }
}

// One message at a time, so that the fence of a case comes after all that the case caused.
#[message_processor(prefetch = 1, handlers(Resize))]
impl Studio {
    #[rpc_handler]
    async fn area(&self, w: u32, h: u32) -> u32 {
        w * h
    }

    #[rpc_handler]
    async fn echo(&self, text: &str) -> String {
        text.to_owned()
    }

    #[rpc_handler]
    async fn withdraw(&self, amount: u32) -> Result<u32, TooMuch> {
        100_u32.checked_sub(amount).ok_or(TooMuch { left: 100 })
    }

    #[rpc_handler]
    async fn burn(&self) -> u32 {
        panic!("the studio is on fire")
    }

    #[rpc_handler]
    async fn early(&self, #[reply] answer: Reply<'_, u32>, year: u32) {
        answer.send(year + 1).await.expect("the reply is sent");
        self.hear(json!({"after the reply": year})).await;
    }

    #[rpc_handler]
    async fn print(&self, #[context] cx: &Context, pages: u32) -> u32 {
        if pages == 0 {
            return cx.reject_call("there is nothing to print").await;
        }
        for page in 1..=pages {
            cx.progress(page.into(), pages.into(), "printing");
            tokio::task::yield_now().await;
        }
        pages
    }

    #[rpc_handler]
    async fn paint(&self, #[context] cx: &Context, hours: u32) -> u32 {
        let dry = RemoteException::new("DryBrush", "the brush is dry").with_module("studio::tools");
        let dry = dry.with_trace(["no water"]).with_state(json!({"hours": hours}));
        cx.raise(dry.with_arguments(["red"])).await
    }

    #[rpc_handler("command", "describe", full_body)]
    async fn describe(&self, message: &Message<'_>) -> Value {
        let sender = message.fingerprint().expect("it says who sent it");
        let content: Value = message.content_as().expect("it is JSON");
        json!([message.kind(), message.name(), sender.name, sender.pid, content])
    }

    #[message_handler]
    async fn tell(&self, #[context] cx: &Context, news: &str) {
        let sender = cx.fingerprint().expect("it says who sent it");
        self.hear(json!({"told": news, "by": sender.as_tuple()})).await;
    }

    #[message_handler("status", "online", full_body)]
    async fn online(&self, message: &Message<'_>) {
        let content: Value = message.content_as().expect("it is JSON");
        self.hear(json!({"status": message.name(), "content": content})).await;
    }

    #[message_handler("none", "none")]
    async fn plain(&self, args: Vec<Value>, kwds: Option<Value>) {
        self.hear(json!({"args": args, "kwds": kwds})).await;
    }
}

impl Studio {
    async fn hear(&self, news: Value) {
        self.heard.send(news).await.expect("the test listens");
    }

    /// Serves in this world, and gives what it hears.
    pub(crate) async fn serve(world: &World, queue: Queue) -> (Serving, mpsc::Receiver<Value>) {
        let (heard, news) = mpsc::channel(HEARD);
        let serving = world.broker.serve(Self { heard });
        let serving = serving.bind(world.exchange(), queue, world.key.clone());
        (serving.await.expect("it is served"), news)
    }
}

/// The queue of this world, as Python Postage would declare it but for its end.
pub(crate) fn queue(world: &World) -> Queue {
    Queue::new(world.queue.clone()).durable(false).auto_delete(true)
}
