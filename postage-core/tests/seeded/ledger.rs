//! What one service did, kept by its handlers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by a service and the run that checks it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// How many handlers run now.
    pub(crate) running: usize,
    /// How many have begun since the service has said that it is drained.
    pub(crate) after_the_end: usize,
    drained: bool,
    /// How often the message of an id was handled to a good end.
    pub(crate) done: BTreeMap<String, usize>,
    /// How often each note was handled to a good end.
    pub(crate) notes: BTreeMap<u32, usize>,
    /// How often each note failed.
    pub(crate) failed: BTreeMap<u32, usize>,
    pub(crate) without_id: usize,
}

impl Ledger {
    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handler begins; it ends with what this answers.
    pub(crate) fn begin(&self) -> Running {
        let mut pages = self.pages();
        pages.running += 1;
        if pages.drained {
            pages.after_the_end += 1;
        }
        Running(self.clone())
    }

    pub(crate) fn done(&self, id: Option<&str>) {
        let mut pages = self.pages();
        match id {
            Some(id) => *pages.done.entry(id.to_owned()).or_default() += 1,
            None => pages.without_id += 1,
        }
    }

    pub(crate) fn drained(&self) {
        self.pages().drained = true;
    }
}

pub(crate) struct Running(Ledger);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.pages().running -= 1;
    }
}
