//! What the client and the services of a run write down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::ledger::{Counts, Ledger};

/// The book of a run, shared by the client and the services.
#[derive(Debug)]
pub(crate) struct Book {
    pages: Mutex<Pages>,
    /// Told when no message is owed any more.
    none_owed: Notify,
}

#[derive(Debug)]
struct Pages {
    messages: Ledger,
    calls: Ledger,
    figures: Figures,
    silent_since: Instant,
}

/// What is counted beside the runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) confirmed: u64,
    pub(crate) sends_failed: u64,
    pub(crate) answered: u64,
    pub(crate) timed_out: u64,
    pub(crate) calls_failed: u64,
    pub(crate) wrong_answers: u64,
    pub(crate) overdue: u64,
    pub(crate) longest_silence: Duration,
}

/// All counts at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) figures: Figures,
    pub(crate) messages: Counts,
    pub(crate) calls: Counts,
    /// Messages that were confirmed and not handled.
    pub(crate) owed: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CallEnd {
    Answered { right: bool },
    TimedOut,
    Failed,
}

impl Book {
    /// An empty book; silence is counted from now.
    pub(crate) fn new() -> Self {
        let pages = Pages {
            messages: Ledger::new(),
            calls: Ledger::new(),
            figures: Figures::default(),
            silent_since: Instant::now(),
        };
        Self { pages: Mutex::new(pages), none_owed: Notify::new() }
    }

    /// The number of a message to send; none while too many are not handled.
    pub(crate) fn begin_send(&self) -> Option<u64> {
        self.pages().messages.begin()
    }

    /// The number of a call to make.
    pub(crate) fn begin_call(&self) -> Option<u64> {
        self.pages().calls.begin()
    }

    /// A send has ended. Answers how many have failed so far.
    pub(crate) fn sent(&self, number: u64, confirmed: bool) -> u64 {
        let mut pages = self.pages();
        pages.messages.end(number, confirmed);
        let figures = &mut pages.figures;
        *(if confirmed { &mut figures.confirmed } else { &mut figures.sends_failed }) += 1;
        figures.sends_failed
    }

    /// A call has ended. Answers how many have ended without an answer so far.
    pub(crate) fn called(&self, number: u64, end: CallEnd) -> u64 {
        let mut pages = self.pages();
        pages.calls.end(number, false);
        match end {
            CallEnd::Answered { right } => {
                pages.figures.answered += 1;
                pages.figures.wrong_answers += u64::from(!right);
                pages.break_silence();
            }
            CallEnd::TimedOut => pages.figures.timed_out += 1,
            CallEnd::Failed => pages.figures.calls_failed += 1,
        }
        pages.figures.timed_out + pages.figures.calls_failed
    }

    /// A service has handled a message.
    pub(crate) fn handled(&self, number: u64, service: usize) {
        let mut pages = self.pages();
        pages.messages.run(number, service);
        pages.break_silence();
        if pages.messages.owed() == 0 {
            self.none_owed.notify_one();
        }
    }

    /// A service has executed a call's request.
    pub(crate) fn executed(&self, number: u64, service: usize) {
        self.pages().calls.run(number, service);
    }

    /// So many sends or calls went on after their time.
    pub(crate) fn overdue(&self, number: usize) {
        self.pages().figures.overdue += number as u64;
    }

    /// Counts the silence up to now: nothing more is expected after it.
    pub(crate) fn end_of_load(&self) {
        self.pages().break_silence();
    }

    pub(crate) fn totals(&self) -> Totals {
        let pages = self.pages();
        Totals {
            figures: pages.figures,
            messages: pages.messages.counts,
            calls: pages.calls.counts,
            owed: pages.messages.owed(),
        }
    }

    /// Waits until every confirmed message is handled. Cancel-safe.
    pub(crate) async fn all_handled(&self) {
        while self.pages().messages.owed() > 0 {
            self.none_owed.notified().await;
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn break_silence(&mut self) {
        let now = Instant::now();
        let silence = now.duration_since(self.silent_since);
        self.figures.longest_silence = self.figures.longest_silence.max(silence);
        self.silent_since = now;
    }
}
