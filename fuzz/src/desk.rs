use std::fmt;

use postage_core::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A service whose handlers take parameters of many forms.
#[derive(Debug)]
pub struct Desk;

/// The documented error of the desk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// How many are left.
    pub left: u32,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "only {} left", self.left)
    }
}

/// A type that is read in many ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Colour {
    Red,
    Rgb(u8, i16, u64),
    Named { name: String, shade: Option<char> },
}

#[message_processor]
impl Desk {
    #[rpc_handler]
    async fn echo(&self, value: Value) -> Value {
        value
    }

    #[rpc_handler]
    async fn place(&self, item: &str, quantity: u32, note: Option<&str>) -> Result<u64, Refused> {
        let letters = item.chars().count() + note.map_or(0, |note| note.chars().count());
        if quantity > 3 { Err(Refused { left: quantity }) } else { Ok(letters as u64) }
    }

    #[rpc_handler("command", "paint")]
    async fn paint(&self, colours: Vec<Colour>, at: f64) -> Result<(Vec<Colour>, f64), String> {
        Ok((colours, at))
    }

    #[message_handler]
    async fn restock(
        &self,
        #[context] cx: &Context,
        item: &str,
        quantity: u32,
    ) -> Result<(), String> {
        let sender = cx.fingerprint().map(|sender| sender.name);
        if quantity == 0 { Err(format!("no {item} of {sender:?}")) } else { Ok(()) }
    }

    #[message_handler("status", "online", full_body)]
    async fn online(&self, message: &Message<'_>) {
        let _ = (message.fingerprint(), message.truth());
    }
}
