//! What both sides of a benchmark know: the contract, and the service that answers it.

use std::sync::Arc;

use postage_core::prelude::*;

use crate::book::Book;

/// Stands in the contract; each case has an exchange of its own.
#[exchange(name = "postage-bench", kind = "direct", durable = false)]
pub struct BenchExchange;

/// What a service does in a benchmark.
#[producer(exchange = BenchExchange, key = "calls")]
pub trait Bench {
    /// Answers the text.
    #[rpc]
    async fn echo(&self, text: &str) -> String;

    /// Takes note of a text that begins with its number.
    #[message]
    async fn tell(&self, text: &str);
}

/// The service of the benchmarks.
#[derive(Debug)]
pub struct Worker {
    book: Arc<Book>,
}

impl Worker {
    /// A service that writes down what it is told.
    #[must_use]
    pub const fn new(book: Arc<Book>) -> Self {
        Self { book }
    }
}

#[message_processor]
impl Bench for Worker {
    async fn echo(&self, text: &str) -> String {
        text.to_owned()
    }

    async fn tell(&self, text: &str) {
        self.book.handled(text);
    }
}
