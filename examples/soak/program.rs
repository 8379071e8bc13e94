//! One run, from connecting to the report.

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use examples::program::show_events;
use postage_core::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, interval_at};

use crate::book::Book;
use crate::contract::Names;
use crate::ending;
use crate::load::Load;
use crate::options::Options;
use crate::reconnects::Reconnects;
use crate::report::Report;
use crate::service;

/// How often it is said how far it is.
const NEWS: Duration = Duration::from_secs(5);

/// Runs for the time that the options say, or until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the broker cannot be reached, or refuses the exchange or a queue.
pub(crate) async fn run(options: &Options) -> Result<Report, Box<dyn Error>> {
    show_events();
    let mut signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [Ok(terminate), Ok(interrupt)] = &mut signals else {
        return Err("cannot listen to SIGTERM and Ctrl-C".into());
    };
    let run = RandomState::new().build_hasher().finish();
    let names = Names::new(options, run);
    let mut reconnects = Reconnects::default();
    let brokers = connect(1 + options.services, &mut reconnects).await?;
    let book = Arc::new(Book::new());
    let mut services = Vec::new();
    for (place, broker) in brokers.iter().skip(1).enumerate() {
        services.push(service::serve(broker, options, &names, &book, run, place).await?);
    }

    let client = names.client(&brokers[0]);
    let mut load = Load::new(client, Arc::clone(&book), run, options);
    let begun = Instant::now();
    eprintln!("soak: begins, for {} s", options.duration.as_secs());
    tokio::select! {
        () = load.go_on() => {}
        () = news(&book, &reconnects, begun) => {}
        () = tokio::time::sleep(options.duration) => {}
        () = told_to_end(terminate, interrupt) => eprintln!("soak: ends early"),
    }
    let ran = begun.elapsed();
    book.end_of_load();
    load.finish().await;
    let owed = ending::wait_for_owed(&book, &brokers, &reconnects).await;
    ending::leave(services, &brokers, &names).await;
    Ok(Report::new(ran, &book.totals(), owed, reconnects.count()))
}

/// A connection for the client, and one for each service.
async fn connect(number: u32, reconnects: &mut Reconnects) -> Result<Vec<Broker>, Box<dyn Error>> {
    let mut brokers = Vec::new();
    for _ in 0..number {
        let broker = Broker::from_env().await?;
        reconnects.watch(&broker);
        brokers.push(broker);
    }
    Ok(brokers)
}

/// Says how far it is, for ever.
async fn news(book: &Book, reconnects: &Reconnects, begun: Instant) {
    let mut ticks = interval_at(begun + NEWS, NEWS);
    loop {
        ticks.tick().await;
        let totals = book.totals();
        eprintln!(
            "soak: after {} s {} confirmed, {} handled, {} answered, {} reconnects",
            begun.elapsed().as_secs(),
            totals.figures.confirmed,
            totals.messages.run,
            totals.figures.answered,
            reconnects.count(),
        );
    }
}

async fn told_to_end(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
