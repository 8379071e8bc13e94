//! The client's side: sends messages and makes calls at their rates.

use std::sync::Arc;
use std::time::Duration;

use postage_core::{CallFault, SendError};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::book::{Book, CallEnd};
use crate::contract::{CALL_DEADLINE, SEND_DEADLINE, SoakProducer, answer};
use crate::options::Options;

/// How many sends, and how many calls, may be under way.
const MOST_UNDER_WAY: usize = 10_000;
/// How often work is begun.
const TICK: Duration = Duration::from_millis(10);
/// What was not begun for longer is not made up for.
const LONGEST_DEBT: Duration = Duration::from_millis(200);
/// How much later than its time something may end: two cores may be busy with thousands of them.
const GRACE: Duration = Duration::from_secs(5);

/// What is sent and called, and what of it is under way. Dropping it ends all.
pub(crate) struct Load {
    client: SoakProducer,
    book: Arc<Book>,
    run: u64,
    sends: Kind,
    calls: Kind,
}

/// The sends, or the calls.
struct Kind {
    each_second: f64,
    /// How many are to be begun.
    due: f64,
    under_way: JoinSet<()>,
}

impl Load {
    pub(crate) fn new(client: SoakProducer, book: Arc<Book>, run: u64, options: &Options) -> Self {
        Self { client, book, run, sends: Kind::new(options.sends), calls: Kind::new(options.calls) }
    }

    /// Begins sends and calls at their rates, for ever. Cancel-safe.
    pub(crate) async fn go_on(&mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut before = Instant::now();
        loop {
            let now = ticks.tick().await.max(before);
            let passed = now.duration_since(before);
            before = now;
            for _ in 0..self.sends.begin(passed) {
                let Some(number) = self.book.begin_send() else { continue };
                self.sends.under_way.spawn(self.send(number));
            }
            for _ in 0..self.calls.begin(passed) {
                let Some(number) = self.book.begin_call() else { continue };
                self.calls.under_way.spawn(self.call(number));
            }
        }
    }

    /// Waits for what is under way, as long as it may take.
    pub(crate) async fn finish(mut self) {
        let end = Instant::now() + CALL_DEADLINE.max(SEND_DEADLINE) + GRACE;
        for kind in [&mut self.sends, &mut self.calls] {
            let all = async { while kind.under_way.join_next().await.is_some() {} };
            if timeout_at(end, all).await.is_err() {
                self.book.overdue(kind.under_way.len());
            }
        }
    }

    fn send(&self, number: u64) -> impl Future<Output = ()> + use<> {
        let book = Arc::clone(&self.book);
        let send = self.client.tell(self.run, number).within(SEND_DEADLINE);
        async move {
            let begun = Instant::now();
            let sent: Result<(), SendError> = send.await;
            let failed = book.sent(number, sent.is_ok());
            if let Err(error) = &sent {
                tell(failed, format_args!("message {number}: {error}"));
            }
            mind_the_time(&book, begun, SEND_DEADLINE);
        }
    }

    fn call(&self, number: u64) -> impl Future<Output = ()> + use<> {
        let book = Arc::clone(&self.book);
        let (call, expected) = (self.client.ask(self.run, number), answer(self.run, number));
        async move {
            let begun = Instant::now();
            let answered = call.await;
            let failed = book.called(number, end_of_call(&answered, expected));
            if let Err(fault) = &answered {
                tell(failed, format_args!("call {number}: {fault}"));
            }
            mind_the_time(&book, begun, CALL_DEADLINE);
        }
    }
}

impl Kind {
    fn new(each_second: u32) -> Self {
        Self { each_second: each_second.into(), due: 0.0, under_way: JoinSet::new() }
    }

    /// How many are to be begun now, with so much time passed since it was asked last.
    fn begin(&mut self, passed: Duration) -> usize {
        while self.under_way.try_join_next().is_some() {}
        let places = MOST_UNDER_WAY.saturating_sub(self.under_way.len());
        self.due += passed.min(LONGEST_DEBT).as_secs_f64() * self.each_second;
        let whole = self.due.trunc();
        self.due -= whole;
        (whole as usize).min(places)
    }
}

fn end_of_call(answered: &Result<u64, CallFault>, expected: u64) -> CallEnd {
    match answered {
        Ok(value) => CallEnd::Answered { right: *value == expected },
        // While the connection is away, that is why nothing came in time.
        Err(CallFault::TimedOut { .. } | CallFault::Disconnected { .. }) => CallEnd::TimedOut,
        Err(_) => CallEnd::Failed,
    }
}

/// Says why something failed; the first time and now and then, since thousands may fail at once.
fn tell(failed: u64, what: std::fmt::Arguments<'_>) {
    if failed.is_power_of_two() {
        eprintln!("soak: {what} ({failed} so far)");
    }
}

fn mind_the_time(book: &Book, begun: Instant, deadline: Duration) {
    if begun.elapsed() > deadline + GRACE {
        book.overdue(1);
    }
}
