//! The reports on the calls that a service works on, by the ids of their messages: a request that
//! comes again while the first runs is told by the reports on the first.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dedup::Answer;
use super::report::{Outbox, Report};

#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<HashMap<String, Arc<Outbox>>>);

/// A copy of a request that is here, until it is dropped.
pub(super) struct Entered<'a> {
    reports: &'a Reports,
    id: String,
    report: &'a Report,
    /// Those on the copy that was worked on when this one came to it.
    working: Option<Arc<Outbox>>,
}

impl Reports {
    /// The reports on the copy of a request that is worked on, where one is.
    pub(super) fn working(&self, id: &str) -> Option<Arc<Outbox>> {
        self.known().get(id).cloned()
    }

    /// One more copy of a request. Where another is worked on, its reports go to this one's caller.
    pub(super) fn enter<'a>(&'a self, id: &str, report: &'a Report) -> Entered<'a> {
        let working = self.working(id);
        if let Some(working) = &working {
            report.step_aside(working);
        }
        Entered { reports: self, id: id.to_owned(), report, working }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Outbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered<'_> {
    /// This copy is the one that is worked on.
    pub(super) fn works(&self) {
        self.report.works();
        self.reports.known().insert(self.id.clone(), Arc::clone(self.report.outbox()));
    }

    /// Waits for the answer that the handler of another copy gives before it ends.
    pub(super) async fn answered_early(&self) -> Answer {
        if let Some(working) = &self.working
            && let Some(answer) = working.answer().await
        {
            return answer;
        }
        pending().await
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut known = self.reports.known();
        if known.get(&self.id).is_some_and(|working| Arc::ptr_eq(working, self.report.outbox())) {
            known.remove(&self.id);
        }
    }
}
