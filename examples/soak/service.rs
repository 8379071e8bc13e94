//! A service of the soak.

use std::sync::Arc;

use postage_core::prelude::*;
use postage_core::{RecentMessages, ServeError};

use crate::book::Book;
use crate::contract::{Names, Soak, answer};
use crate::options::Options;

/// For how many seconds of load a service remembers what it has handled: a call goes on for half
/// of that.
const REMEMBERED_SECONDS: usize = 60;
/// How many messages a service remembers at least and at most.
const REMEMBERED: std::ops::RangeInclusive<usize> = 30_000..=200_000;
/// How many bytes these take at most: 1 KiB each.
const REMEMBERED_BYTES: usize = 200_000 * 1024;

/// Writes down what it is told and asked.
struct Worker {
    book: Arc<Book>,
    run: u64,
    /// Its place among the services.
    place: usize,
}

#[message_processor(quit = false, restart = false)]
impl Soak for Worker {
    async fn tell(&self, run: u64, number: u64) {
        // One of an earlier run under the same prefix is not in the book.
        if run == self.run {
            self.book.handled(number, self.place);
        }
    }

    async fn ask(&self, run: u64, number: u64) -> u64 {
        if run == self.run {
            self.book.executed(number, self.place);
        }
        answer(run, number)
    }
}

/// Starts the service at this place among the services.
pub(crate) async fn serve(
    broker: &Broker,
    options: &Options,
    names: &Names,
    book: &Arc<Book>,
    run: u64,
    place: usize,
) -> Result<Serving, ServeError> {
    let worker = Worker { book: Arc::clone(book), run, place };
    let mut serve = broker
        .serve(worker)
        .dedup(RecentMessages::new(remembered(options)).bytes(REMEMBERED_BYTES));
    for (exchange, queue, key) in names.bindings() {
        serve = serve.bind(exchange, queue, key);
    }
    serve.await
}

fn remembered(options: &Options) -> usize {
    let each_second = options.sends as usize + options.calls as usize;
    (each_second * REMEMBERED_SECONDS).clamp(*REMEMBERED.start(), *REMEMBERED.end())
}
