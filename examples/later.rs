//! Orders that are answered later: the shop may be killed after it has ordered, and finds the answer
//! when it is started again. Neither it nor the desk need be there when the other is.

use std::io;
use std::time::Duration;

use examples::orders::{OrderDesk, OrderDeskProducer, Orders, Refused};
use examples::program::{self, Failure};
use lexopt::prelude::*;
use postage_core::prelude::*;
use postage_core::{Event, SendError};

const HELP: &str = "\
Orders that are answered later, over the broker at POSTAGE_URL. Start the desk once, so that there is
a queue for orders; then stop, kill and start both as you like. A desk that is killed at its work begins
that order again: each is done at least once. What follows `--example later --` is

  desk                takes orders, a second for each
  shop --order ITEM   orders, and prints what becomes of its orders
  shop                prints what becomes of the orders of before";

/// The queue in which answers wait for the shop, as its attribute has it.
const ANSWERS: &str = "shop-answers";

struct Shop;

#[message_processor(queue = "shop-answers", concurrency = 1)]
impl Shop {
    #[reply_handler(of = OrderDeskProducer::place)]
    fn heard(&self, #[context] cx: &Context, event: Event<u64, CallError<Refused>>) {
        let item: String = cx.data().unwrap_or_default();
        match event {
            Event::Accepted => println!("{item}: the desk has the order"),
            Event::Ended(Ok(number)) => println!("{item}: it is order {number}"),
            Event::Ended(Err(CallError::Documented(why))) => println!("{item}: refused, {why}"),
            Event::Ended(Err(CallError::Fault(fault))) => println!("{item}: {fault}"),
            _ => {}
        }
    }
}

struct Desk;

#[message_processor(exchange = Orders, queue = "later-desk", key = "orders.#")]
impl OrderDesk for Desk {
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused> {
        println!("an order: {quantity} {item}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        if item == "unicorn" { Err(Refused::Unknown) } else { Ok(4021) }
    }

    async fn restock(&self, item: &str, quantity: u32) {
        println!("{quantity} more {item}");
    }
}

enum Role {
    Desk,
    Shop { order: Option<String> },
    Help,
}

impl Role {
    fn from_command_line() -> Result<Self, lexopt::Error> {
        let mut role = Self::Help;
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match (argument, &mut role) {
                (Value(word), Self::Help) if word == "desk" => role = Self::Desk,
                (Value(word), Self::Help) if word == "shop" => role = Self::Shop { order: None },
                (Long("order"), Self::Shop { order }) => {
                    *order = Some(arguments.value()?.string()?);
                }
                (Long("help"), _) => return Ok(Self::Help),
                (argument, _) => return Err(argument.unexpected()),
            }
        }
        Ok(role)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let order = match Role::from_command_line()? {
        Role::Help => {
            println!("{HELP}");
            return Ok(());
        }
        Role::Desk => {
            let broker = program::connect().await?;
            let desk = broker.serve(Desk).await?;
            println!("the desk is open");
            return program::run(&broker, desk).await;
        }
        Role::Shop { order } => order,
    };
    let broker = program::connect().await?;
    if let Some(item) = order {
        let orders = OrderDeskProducer::new(&broker, Fingerprint::new("shop", "example"));
        let call = orders.place(&item, 2).data(&item);
        match call.answer_to(Queue::new(ANSWERS)).with_statuses().await {
            Ok(id) => println!("{item}: ordered, as call {id}"),
            Err(SendError::Unroutable { .. }) => {
                return Err(io::Error::other("there is no queue for orders yet: start the desk once, by `--example later -- desk`").into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    let shop = broker.serve(Shop).await?;
    program::run(&broker, shop).await
}
