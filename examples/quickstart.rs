//! A service and its client in one process, with no broker: a call that answers, a documented
//! error, an exception, and a message to a topic.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use examples::orders::{OrderDesk, OrderDeskProducer, Orders, Refused};
use postage_core::prelude::*;
use tokio::sync::mpsc;

/// The order desk. Handlers run side by side and share it, so what changes is behind a lock.
struct Desk {
    stock: Mutex<HashMap<String, u32>>,
    news: mpsc::Sender<String>,
}

impl Desk {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[message_processor(
    bind(exchange = Orders, queue(name = "order-desk", durable = false), key = "orders.desk"),
    bind(exchange = Orders, queue = "order-desk", key = "orders.stock.#")
)]
impl OrderDesk for Desk {
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused> {
        let mut stock = self.lock();
        let left = stock.get_mut(item).ok_or(Refused::Unknown)?;
        *left = left.checked_sub(quantity).ok_or(Refused::SoldOut { left: *left })?;
        Ok(4021)
    }

    async fn restock(&self, #[context] cx: &Context, item: &str, quantity: u32) {
        *self.lock().entry(item.to_owned()).or_default() += quantity;
        let sender = cx.fingerprint().map_or_else(String::new, |sender| sender.name);
        let news = format!("{sender} restocked {quantity} × {item}");
        // Only a program that ends has no use for the news.
        drop(self.news.send(news).await);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::memory();
    let (news, mut heard) = mpsc::channel(1);
    let stock = Mutex::new(HashMap::from([("anvil".to_owned(), 3)]));
    let desk = broker.serve(Desk { stock, news }).await?;
    let orders = OrderDeskProducer::new(&broker, Fingerprint::new("shop", "front-end"));

    let number = orders.place("anvil", 2).await?;
    println!("a value:            order {number} is placed");

    match orders.place("anvil", 2).await {
        Err(CallError::Documented(Refused::SoldOut { left })) => {
            println!("a documented error: sold out, {left} left");
        }
        other => return Err(format!("expected a refusal, got {other:?}").into()),
    }

    // Beyond the contract, by name: the desk has no such command, and says so.
    match orders.producer().rpc::<u32>("audit", ()).await {
        Err(CallFault::Exception(exception)) => println!("an exception:       {exception}"),
        other => return Err(format!("expected an exception, got {other:?}").into()),
    }

    orders.restock("anvil", 40).await?;
    let news = heard.recv().await.ok_or("the desk is gone")?;
    println!("a message:          {news}");

    desk.drain(std::time::Duration::from_secs(1)).await;
    Ok(())
}
