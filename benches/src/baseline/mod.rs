//! The same work, written by hand on lapin as somebody would who knows it: one connection for the
//! client and one for the service, one reply consumer over direct reply-to, one task for each
//! delivery, a prefetch of 256, acknowledgements one by one, pipelined confirms.

mod client;
pub mod envelope;
mod service;

use std::sync::Arc;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};

pub use client::Caller;
pub use service::Consuming;

use crate::Error;
use crate::book::Book;
use crate::side::{Place, Side};

/// A client and a service, each with a connection of its own.
#[derive(Debug)]
pub struct ByHand {
    client: Connection,
    service: Connection,
}

impl Side for ByHand {
    type Client = Caller;
    type Serving = Vec<Consuming>;

    const NAME: &'static str = "by-hand";

    async fn connect(url: &str) -> Result<Self, Error> {
        let connect = || Connection::connect(url, ConnectionProperties::default());
        Ok(Self { client: connect().await?, service: connect().await? })
    }

    async fn serve(&self, place: &Place, book: Arc<Book>) -> Result<Vec<Consuming>, Error> {
        declare(&self.service, place).await?;
        let mut consuming = Vec::new();
        for queue in &place.queues {
            consuming.push(service::serve(&self.service, queue, Arc::clone(&book)).await?);
        }
        Ok(consuming)
    }

    async fn stop(&self, serving: Vec<Consuming>) -> Result<(), Error> {
        for one in serving {
            one.stop().await?;
        }
        Ok(())
    }

    async fn client(&self, place: &Place) -> Result<Arc<Caller>, Error> {
        Ok(Arc::new(Caller::new(&self.client, place).await?))
    }
}

async fn declare(connection: &Connection, place: &Place) -> Result<(), Error> {
    let channel = connection.create_channel().await?;
    let kind = if place.fan_out { ExchangeKind::Fanout } else { ExchangeKind::Direct };
    let (exchange, table) = (place.exchange.as_str(), FieldTable::default);
    channel
        .exchange_declare(exchange.into(), kind, ExchangeDeclareOptions::default(), table())
        .await?;
    for queue in place.queues.iter().map(String::as_str) {
        channel.queue_declare(queue.into(), QueueDeclareOptions::default(), table()).await?;
        let bind = QueueBindOptions::default();
        channel.queue_bind(queue.into(), exchange.into(), queue.into(), bind, table()).await?;
    }
    Ok(channel.close(200, "done".into()).await?)
}
