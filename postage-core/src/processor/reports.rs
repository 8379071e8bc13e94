//! The reports on the calls that a service works on, by the ids of their messages: a request that
//! comes again while the first runs is told by the reports on the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::report::Report;

#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<HashMap<String, Arc<Report>>>);

/// A copy of a request that is here, until it is dropped.
pub(super) struct Entered<'a> {
    reports: &'a Reports,
    id: String,
    report: &'a Arc<Report>,
}

impl Reports {
    /// One more copy of a request. Where another is worked on, its reports go to this one's caller.
    pub(super) fn enter<'a>(&'a self, id: &str, report: &'a Arc<Report>) -> Entered<'a> {
        if let Some(running) = self.known().get(id) {
            running.redirect(report);
        }
        Entered { reports: self, id: id.to_owned(), report }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Report>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered<'_> {
    /// This copy is the one that is worked on.
    pub(super) fn works(&self) {
        self.report.mute(false);
        self.reports.known().insert(self.id.clone(), Arc::clone(self.report));
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut known = self.reports.known();
        if known.get(&self.id).is_some_and(|working| Arc::ptr_eq(working, self.report)) {
            known.remove(&self.id);
        }
    }
}
