//! The line that a soak ends with.

use std::time::Duration;

use serde::Serialize;

use crate::book::Totals;

/// The figures of a run. The page of the program says what each one counts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    seconds: f64,
    sends_confirmed: u64,
    sends_failed: u64,
    handled: u64,
    lost: u64,
    left: u64,
    handled_twice: u64,
    handled_elsewhere: u64,
    calls_answered: u64,
    calls_timed_out: u64,
    calls_failed: u64,
    wrong_answers: u64,
    executed_twice: u64,
    executed_elsewhere: u64,
    overdue: u64,
    reconnects: u64,
    longest_silence_seconds: f64,
}

/// What is known of the messages that are owed at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// They are lost: the broker and the services were there, and nothing came.
    Lost,
    /// They may still be in their queue.
    Left,
}

impl Report {
    pub(crate) fn new(ran: Duration, totals: &Totals, owed: Owed, reconnects: u64) -> Self {
        let Totals { figures, messages, calls, .. } = *totals;
        let (lost, left) = match owed {
            Owed::Lost => (totals.owed, 0),
            Owed::Left => (0, totals.owed),
        };
        Self {
            seconds: rounded(ran),
            sends_confirmed: figures.confirmed,
            sends_failed: figures.sends_failed,
            handled: messages.run,
            lost,
            left,
            handled_twice: messages.again,
            handled_elsewhere: messages.elsewhere,
            calls_answered: figures.answered,
            calls_timed_out: figures.timed_out,
            calls_failed: figures.calls_failed,
            wrong_answers: figures.wrong_answers,
            executed_twice: calls.again,
            executed_elsewhere: calls.elsewhere,
            overdue: figures.overdue,
            reconnects,
            longest_silence_seconds: rounded(figures.longest_silence),
        }
    }

    /// Whether a promise broke.
    pub(crate) const fn is_broken(&self) -> bool {
        let run_twice = self.handled_twice + self.executed_twice;
        self.lost + run_twice + self.wrong_answers + self.overdue > 0
    }

    pub(crate) fn to_json(&self) -> String {
        // Numbers alone always make JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// In seconds, to the millisecond.
fn rounded(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}
