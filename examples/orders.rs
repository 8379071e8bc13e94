//! The contract of the quickstart's order desk.

use std::fmt;

use postage_core::prelude::*;
use serde::{Deserialize, Serialize};

/// Where orders and the news of the stock travel.
#[exchange(name = "orders", kind = "topic")]
pub struct Orders;

/// What one may ask of the order desk.
#[producer(exchange = Orders, key = "orders.desk")]
pub trait OrderDesk {
    /// Places an order and answers its number.
    #[rpc(timeout = "2s", max_retry = 4)]
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused>;

    /// Says that stock has moved. Nobody answers.
    #[message(key = "orders.stock.moved")]
    async fn restock(&self, item: &str, quantity: u32);
}

/// Why an order was not taken: the documented error, typed on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// There is too little of the item.
    SoldOut {
        /// How many are left.
        left: u32,
    },
    /// There is no such item.
    Unknown,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoldOut { left } => write!(f, "sold out: {left} left"),
            Self::Unknown => f.write_str("no such item"),
        }
    }
}
