//! A service: a task for each delivery, which answers and acknowledges.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Consumer};
use tokio::task::JoinHandle;

use super::envelope::{self, Asked};
use crate::Error;
use crate::book::Book;

const PREFETCH: u16 = 256;

/// A queue that is consumed.
#[derive(Debug)]
pub struct Consuming {
    channel: Channel,
    tag: ShortString,
    task: JoinHandle<()>,
}

pub(super) async fn serve(
    connection: &Connection,
    queue: &str,
    book: Arc<Book>,
) -> Result<Consuming, Error> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let consumer =
        channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
    let tag = consumer.tag();
    let task = tokio::spawn(run(channel.clone(), consumer, book));
    Ok(Consuming { channel, tag, task })
}

impl Consuming {
    pub(super) async fn stop(self) -> Result<(), Error> {
        self.channel.basic_cancel(self.tag, BasicCancelOptions::default()).await?;
        self.task.await?;
        Ok(self.channel.close(200, "done".into()).await?)
    }
}

async fn run(channel: Channel, mut consumer: Consumer, book: Arc<Book>) {
    while let Some(Ok(delivery)) = consumer.next().await {
        let (channel, book) = (channel.clone(), Arc::clone(&book));
        tokio::spawn(async move {
            if let Err(error) = handle(&channel, &delivery, &book).await {
                eprintln!("a message was not handled: {error}");
            }
        });
    }
}

async fn handle(channel: &Channel, delivery: &Delivery, book: &Book) -> Result<(), Error> {
    match envelope::read(&delivery.data)? {
        Asked::Tell(text) => book.handled(&text),
        Asked::Echo(text) => answer(channel, &delivery.properties, &text).await?,
    }
    delivery.ack(BasicAckOptions::default()).await?;
    Ok(())
}

async fn answer(channel: &Channel, request: &BasicProperties, text: &str) -> Result<(), Error> {
    let Some(reply_to) = request.reply_to().clone() else { return Ok(()) };
    let mut properties = BasicProperties::default().with_content_type("application/json".into());
    if let Some(id) = request.correlation_id().clone() {
        properties = properties.with_correlation_id(id);
    }
    let body = envelope::answer(text)?;
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), reply_to, options, &body, properties).await?;
    Ok(())
}
