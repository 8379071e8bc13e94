//! A call that takes ten seconds, with a progress bar in the client; Ctrl-C cancels it at the service.
//!
//! Without `POSTAGE_URL` service and client run in this one process, in memory. With it, the word
//! `serve` makes this the service, and another start without it the client.

use std::env;
use std::time::Duration;

use examples::program::{self, Failure};
use indicatif::{ProgressBar, ProgressStyle};
use postage_core::prelude::*;
use postage_core::{Event, Events};

/// How many pages there are to pack, and how long each takes.
const PAGES: u64 = 200;
const A_PAGE: Duration = Duration::from_millis(50);

/// Where archives are spoken to.
#[exchange(name = "archives", kind = "direct")]
struct Archives;

/// What one may ask of an archive.
#[producer(exchange = Archives, key = "archive")]
trait Archive {
    /// Packs a folder, and answers how many pages it has.
    #[rpc(timeout = "1m", max_retry = 0, cancellable)]
    async fn pack(&self, folder: &str) -> u64;
}

struct Cellar;

#[message_processor(exchange = Archives, queue(name = "archive", durable = false), key = "archive")]
impl Archive for Cellar {
    async fn pack(&self, #[context] cx: &Context, folder: &str) -> u64 {
        println!("service: packs the {folder}");
        for page in 1..=PAGES {
            tokio::select! {
                () = tokio::time::sleep(A_PAGE) => {}
                () = cx.cancelled() => {
                    println!("service: nobody wants the {folder} any more, puts them back");
                    return page - 1;
                }
            }
            cx.progress(page, PAGES, format!("page {page} of the {folder}"));
        }
        PAGES
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    if env::var_os("POSTAGE_URL").is_none() {
        let broker = Broker::memory();
        let serving = broker.serve(Cellar).await?;
        ask(&broker).await?;
        serving.drain(program::DRAIN_LIMIT).await;
        return Ok(());
    }
    let broker = program::connect().await?;
    if env::args().nth(1).as_deref() == Some("serve") {
        let serving = broker.serve(Cellar).await?;
        return program::run(&broker, serving).await;
    }
    ask(&broker).await?;
    broker.close().await?;
    Ok(())
}

/// Makes the call, and ends it early on Ctrl-C.
async fn ask(broker: &Broker) -> Result<(), Failure> {
    let archive = ArchiveProducer::new(broker, Fingerprint::new("reader", "example"));
    // A service that dies is noticed after some seconds, and need not be waited for for a minute.
    let events = archive.pack("letters").heartbeat(Duration::from_secs(1)).events();
    tokio::select! {
        ended = show(events) => ended,
        pressed = tokio::signal::ctrl_c() => {
            // The call is dropped by now, which tells the service.
            println!("client: cancelled");
            Ok(pressed?)
        }
    }
}

async fn show(mut events: Events<u64>) -> Result<(), Failure> {
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{bar:40} {msg}")?);
    while let Some(event) = events.next().await {
        match event {
            Event::Accepted => bar.set_message("accepted"),
            Event::Started => bar.set_message("started"),
            Event::Progress(progress) => {
                bar.set_length(progress.total);
                bar.set_position(progress.completed);
                bar.set_message(progress.details::<String>()?);
            }
            Event::Ended(pages) => {
                bar.finish_and_clear();
                println!("{} pages are packed", pages?);
            }
            _ => {}
        }
    }
    Ok(())
}
