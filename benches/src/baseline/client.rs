//! A client: calls over direct reply-to, and messages whose confirms are pipelined.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Consumer, PublisherConfirm};
use tokio::sync::oneshot;

use super::envelope::{self, Fingerprint};
use crate::Error;
use crate::book::Book;
use crate::side::{Batch, Client, Place};

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

type Waiting = Mutex<HashMap<String, oneshot::Sender<Vec<u8>>>>;

/// Calls and sends.
#[derive(Debug)]
pub struct Caller {
    calls: Channel,
    messages: Channel,
    exchange: ShortString,
    key: ShortString,
    fingerprint: Fingerprint,
    waiting: Arc<Waiting>,
    next_id: AtomicU64,
}

impl Caller {
    pub(super) async fn new(connection: &Connection, place: &Place) -> Result<Self, Error> {
        let calls = connection.create_channel().await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let (tag, table) = (ShortString::default(), FieldTable::default());
        let replies = calls.basic_consume(REPLY_TO.into(), tag, options, table).await?;
        let waiting = Arc::new(Waiting::default());
        tokio::spawn(read(replies, Arc::clone(&waiting)));

        let messages = connection.create_channel().await?;
        messages.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            calls,
            messages,
            exchange: place.exchange.as_str().into(),
            key: place.key().into(),
            fingerprint: Fingerprint::new(),
            waiting,
            next_id: AtomicU64::new(0),
        })
    }

    /// Sends a message, and answers its confirm to come.
    async fn publish(&self, text: &str) -> Result<PublisherConfirm, Error> {
        let body = envelope::tell(&self.fingerprint, text)?;
        let (exchange, key) = (self.exchange.clone(), self.key.clone());
        let options = BasicPublishOptions::default();
        Ok(self.messages.basic_publish(exchange, key, options, &body, json()).await?)
    }
}

impl Client for Caller {
    async fn call(&self, text: &str) -> Result<String, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).to_string();
        let (sender, reply) = oneshot::channel();
        let properties =
            json().with_reply_to(REPLY_TO.into()).with_correlation_id(id.as_str().into());
        lock(&self.waiting).insert(id, sender);

        let body = envelope::echo(&self.fingerprint, text)?;
        let (exchange, key) = (self.exchange.clone(), self.key.clone());
        let options = BasicPublishOptions::default();
        self.calls.basic_publish(exchange, key, options, &body, properties).await?;
        envelope::read_answer(&reply.await?)
    }

    async fn send(&self, batch: Batch, book: &Book) -> Result<Vec<Duration>, Error> {
        let mut took = Vec::new();
        let mut outstanding = VecDeque::new();
        for number in 0..batch.messages {
            if outstanding.len() >= batch.in_flight {
                confirm_oldest(&mut outstanding, &mut took).await?;
            }
            book.sends(number);
            let begun = Instant::now();
            let text = crate::text::numbered(number, batch.size);
            outstanding.push_back((begun, self.publish(&text).await?));
        }
        while !outstanding.is_empty() {
            confirm_oldest(&mut outstanding, &mut took).await?;
        }
        Ok(took)
    }
}

async fn confirm_oldest(
    outstanding: &mut VecDeque<(Instant, PublisherConfirm)>,
    took: &mut Vec<Duration>,
) -> Result<(), Error> {
    let Some((begun, confirm)) = outstanding.pop_front() else { return Ok(()) };
    match confirm.await? {
        Confirmation::Ack(_) => took.push(begun.elapsed()),
        other => return Err(format!("not confirmed: {other:?}").into()),
    }
    Ok(())
}

fn json() -> BasicProperties {
    BasicProperties::default().with_content_type("application/json".into())
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Vec<u8>>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands each reply to the call that waits for it.
async fn read(mut replies: Consumer, waiting: Arc<Waiting>) {
    while let Some(Ok(reply)) = replies.next().await {
        let id = reply.properties.correlation_id().as_ref().map(ShortString::as_str);
        let call = id.and_then(|id| lock(&waiting).remove(id));
        if let Some(call) = call {
            // The call may have been given up.
            let _ = call.send(reply.data);
        }
    }
}
