//! What each of the two sides of a comparison can do.

use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::book::Book;

/// Where messages go: an exchange, and the queues that are bound to it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The exchange's name.
    pub exchange: String,
    /// Whether each queue gets every message; there is one queue otherwise.
    pub fan_out: bool,
    /// The names of the queues, which are their keys too.
    pub queues: Vec<String>,
}

impl Place {
    /// A place of this name, with so many queues.
    #[must_use]
    pub fn new(name: &str, queues: usize) -> Self {
        let queue = |number| format!("{name}.{number}");
        let queues: Vec<_> = (0..queues).map(queue).collect();
        Self { exchange: name.to_owned(), fan_out: queues.len() > 1, queues }
    }

    /// The key that messages are sent under.
    #[must_use]
    pub fn key(&self) -> &str {
        self.queues.first().map_or("", String::as_str)
    }
}

/// How many messages are sent, and how.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// How many.
    pub messages: u64,
    /// The bytes of each text.
    pub size: usize,
    /// How many may be with the broker, unconfirmed.
    pub in_flight: usize,
}

/// Ours, or what is written by hand.
pub trait Side: Send + Sync + Sized + 'static {
    /// The services at a place. They stop when told to.
    type Serving: Send;

    /// What names on the broker begin with.
    const NAME: &'static str;

    /// Connects a client and a service.
    fn connect(url: &str) -> impl Future<Output = Result<Self, Error>> + Send;

    /// A service for each queue of the place.
    fn serve(
        &self,
        place: &Place,
        book: Arc<Book>,
    ) -> impl Future<Output = Result<Self::Serving, Error>> + Send;

    /// Ends services.
    fn stop(&self, serving: Self::Serving) -> impl Future<Output = Result<(), Error>> + Send;

    /// A client of the place, which lasts.
    fn client(
        &self,
        place: &Place,
    ) -> impl Future<Output = Result<Arc<Self::Client>, Error>> + Send;

    /// What [`Side::client`] makes.
    type Client: Client;
}

/// Sends to one place.
pub trait Client: Send + Sync + 'static {
    /// Makes a call, and answers what the service answered.
    fn call(&self, text: &str) -> impl Future<Output = Result<String, Error>> + Send;

    /// Sends a batch, and answers how long each took until the broker had confirmed it.
    fn send(
        &self,
        batch: Batch,
        book: &Book,
    ) -> impl Future<Output = Result<Vec<Duration>, Error>> + Send;
}
