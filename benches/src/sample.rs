//! One side doing the work of one case once.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Channel, Connection, ConnectionProperties};

use crate::Error;
use crate::book::Book;
use crate::case::{Case, Kind};
use crate::load::{self, Amount};
use crate::side::{Batch, Client, Place, Side};
use crate::usage::{Meter, Usage};

/// How long a side works on calls before it is measured.
const WARM_UP: Duration = Duration::from_millis(200);

/// What one side did in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Operations a second.
    pub ops_per_s: f64,
    /// Microseconds of processor time of this process for each operation.
    pub cpu_us: f64,
    /// The latency that half of the operations stay under, in microseconds.
    pub p50_us: f64,
    /// The latency that 99 of 100 operations stay under, in microseconds.
    pub p99_us: f64,
    /// Context switches of this process for each operation.
    pub switches: f64,
    /// Allocations for each operation, where they are counted.
    pub allocations: f64,
}

/// A side, and its way to leave nothing behind.
pub struct Bench<S> {
    side: S,
    janitor: Channel,
    _connection: Connection,
}

impl<S: Side> Bench<S> {
    /// Connects to the broker at this address.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let janitor = connection.create_channel().await?;
        Ok(Self { side: S::connect(url).await?, janitor, _connection: connection })
    }

    /// Does the work of a case once, and measures it.
    ///
    /// # Errors
    /// When anything goes wrong: a message lost or handled twice, a wrong answer.
    pub async fn measure(&self, case: Case, amount: Amount) -> Result<Sample, Error> {
        let name = format!("postage-bench.{}.{}", S::NAME, case.kind.name());
        let place = Place::new(&name, case.kind.queues());
        let sample = match case.kind {
            Kind::Call => self.calls(&place, case, amount).await,
            Kind::Consume => self.consume(&place, case, amount).await,
            Kind::Publish => self.publish(&place, case, amount).await,
            Kind::PublishConsume | Kind::FanOut => self.publish_consume(&place, case, amount).await,
        };
        self.clear(&place).await?;
        sample
    }

    async fn calls(&self, place: &Place, case: Case, amount: Amount) -> Result<Sample, Error> {
        let serving = self.side.serve(place, Arc::new(Book::empty())).await?;
        let client = self.side.client(place).await?;
        let text: Arc<str> = crate::text::numbered(0, case.payload).into();
        let call = move || {
            let (client, text) = (Arc::clone(&client), Arc::clone(&text));
            async move {
                let answered = client.call(&text).await?;
                if answered == *text { Ok(()) } else { Err("a call got a wrong answer".into()) }
            }
        };
        if let Amount::Time(_) = amount {
            load::keep(case.in_flight, Amount::Time(WARM_UP), call.clone()).await?;
        } else {
            call().await?;
        }
        let meter = Meter::start()?;
        let took = load::keep(case.in_flight, amount, call).await?;
        let usage = meter.stop()?;
        self.side.stop(serving).await?;
        Ok(Sample::new(took.len(), &usage, took))
    }

    async fn publish(&self, place: &Place, case: Case, amount: Amount) -> Result<Sample, Error> {
        let batch = batch(case, amount);
        self.declare(place).await?;
        let client = self.side.client(place).await?;
        client.send(Batch { messages: 1, ..batch }, &Book::empty()).await?;

        let meter = Meter::start()?;
        let took = client.send(batch, &Book::empty()).await?;
        let usage = meter.stop()?;
        Ok(Sample::new(took.len(), &usage, took))
    }

    async fn consume(&self, place: &Place, case: Case, amount: Amount) -> Result<Sample, Error> {
        let batch = batch(case, amount);
        self.declare(place).await?;
        let book = Arc::new(Book::new(batch.messages, 1));
        self.side.client(place).await?.send(batch, &book).await?;

        let meter = Meter::start()?;
        let serving = self.side.serve(place, Arc::clone(&book)).await?;
        book.complete().await?;
        let usage = meter.stop()?;
        self.side.stop(serving).await?;
        book.check()?;
        Ok(Sample::new(usize::try_from(batch.messages)?, &usage, book.gaps()))
    }

    async fn publish_consume(
        &self,
        place: &Place,
        case: Case,
        amount: Amount,
    ) -> Result<Sample, Error> {
        let batch = batch(case, amount);
        let copies = u32::try_from(place.queues.len())?;
        let book = Arc::new(Book::new(batch.messages, copies));
        let serving = self.side.serve(place, Arc::clone(&book)).await?;
        let client = self.side.client(place).await?;

        let meter = Meter::start()?;
        client.send(batch, &book).await?;
        book.complete().await?;
        let usage = meter.stop()?;
        self.side.stop(serving).await?;
        book.check()?;
        Ok(Sample::new(usize::try_from(batch.messages)?, &usage, book.latencies()))
    }

    /// Has exchange and queues there, and nobody who consumes.
    async fn declare(&self, place: &Place) -> Result<(), Error> {
        let serving = self.side.serve(place, Arc::new(Book::empty())).await?;
        self.side.stop(serving).await
    }

    async fn clear(&self, place: &Place) -> Result<(), Error> {
        for queue in place.queues.iter().map(String::as_str) {
            self.janitor.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        }
        let exchange = place.exchange.as_str().into();
        Ok(self.janitor.exchange_delete(exchange, ExchangeDeleteOptions::default()).await?)
    }
}

fn batch(case: Case, amount: Amount) -> Batch {
    let messages = amount.operations(case.expected());
    Batch { messages, size: case.payload, in_flight: case.in_flight }
}

impl Sample {
    fn new(operations: usize, usage: &Usage, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let each = 1.0 / operations.max(1) as f64;
        Self {
            ops_per_s: operations as f64 / usage.elapsed.as_secs_f64(),
            cpu_us: usage.cpu_us * each,
            p50_us: percentile(&latencies, 50),
            p99_us: percentile(&latencies, 99),
            switches: usage.switches * each,
            allocations: usage.allocations * each,
        }
    }
}

/// Of times in their order, the one that so many of a hundred stay under, in microseconds.
fn percentile(sorted: &[Duration], hundredths: usize) -> f64 {
    let place = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(percentile(&times, 50).round(), 100.0);
        assert_eq!(percentile(&times, 99).round(), 198.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
