use std::cell::RefCell;

use bytes::Bytes;
use postage_core::transport::{Properties, Publication, Settlement};
use postage_core::{Broker, Exchange, ExchangeKind, MsgPackCodec, Queue, Retry, Serving};
use tokio::runtime::{Builder, Runtime};

use crate::{Desk, Ends, Pipe};

const QUEUE: &str = "desk";

/// A served [`Desk`], to which one message after the other is delivered.
#[derive(Debug)]
pub struct World {
    runtime: Runtime,
    pipe: Pipe,
    ends: RefCell<Ends>,
    _serving: Serving,
}

/// What became of one message.
#[derive(Debug)]
pub struct Handled {
    /// How it was settled.
    pub settlement: Settlement,
    /// What was published meanwhile.
    pub published: Vec<Publication>,
}

impl World {
    /// Serves the desk.
    #[must_use]
    pub fn new() -> Self {
        quiet_log();
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (pipe, ends) = Pipe::new();
        let broker = Broker::over(pipe.clone()).with_codec(MsgPackCodec).with_debug(true);
        // An id that comes again is to be handled again here, and no input ends the service.
        let serving = broker.serve(Desk).no_dedup().quit(false).restart(false);
        let serving = serving.retry(Retry::new(3)).bind(
            Exchange::new("desks", ExchangeKind::Direct),
            Queue::new(QUEUE).dead_letter("dead").dead_letter_key("dead"),
            "desk",
        );
        let serving = runtime.block_on(async { serving.await }).expect("it is served");
        Self { runtime, pipe, ends: RefCell::new(ends), _serving: serving }
    }

    /// Delivers a message, and waits until it is settled: once, and not given up.
    pub fn handle(&self, properties: Properties, body: Bytes) -> Handled {
        let mut ends = self.ends.borrow_mut();
        assert!(ends.settled.try_recv().is_err(), "the message before was settled again");
        assert!(ends.published.try_recv().is_err(), "something was published after the settling");
        self.pipe.deliver(QUEUE, properties, body);
        let settlement = self.runtime.block_on(ends.settled.recv()).flatten();
        let published = std::iter::from_fn(|| ends.published.try_recv().ok()).collect();
        Handled { settlement: settlement.expect("it is settled"), published }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Has everything logged, and throws it away: what formats a peer's text is to be run too.
pub fn quiet_log() {
    let log =
        tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    // Once a process; another time changes nothing.
    drop(log.with_writer(std::io::sink).try_init());
}
