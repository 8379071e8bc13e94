//! What is said of a message only now and then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value that is seldom there: to find none takes no lock.
///
/// It is no channel: who takes it is to have seen that it was put, being the same task or having waited
/// for that one.
#[derive(Debug)]
pub(super) struct Seldom<T> {
    is_there: AtomicBool,
    value: Mutex<Option<T>>,
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self { is_there: AtomicBool::new(false), value: Mutex::new(None) }
    }
}

impl<T> Seldom<T> {
    /// Puts a value, unless one is there.
    pub(super) fn put(&self, value: T) {
        let mut there = self.lock();
        there.get_or_insert(value);
        self.is_there.store(true, Ordering::Release);
    }

    /// Puts this in the place of what is there.
    pub(super) fn set(&self, value: Option<T>) {
        let mut there = self.lock();
        self.is_there.store(value.is_some(), Ordering::Release);
        *there = value;
    }

    /// Takes the value away, if one is there.
    pub(super) fn take(&self) -> Option<T> {
        if !self.is_there.load(Ordering::Acquire) {
            return None;
        }
        let mut there = self.lock();
        self.is_there.store(false, Ordering::Release);
        there.take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_counts_until_it_is_taken() {
        let said = Seldom::default();
        assert_eq!(said.take(), None);
        said.put("first");
        said.put("second");
        assert_eq!(said.take(), Some("first"));
        assert_eq!(said.take(), None);
        said.put("third");
        assert_eq!(said.take(), Some("third"));
    }

    #[test]
    fn what_is_set_is_there_instead_of_what_was() {
        let said = Seldom::default();
        said.set(Some("first"));
        said.set(Some("second"));
        assert_eq!(said.take(), Some("second"));
        said.put("third");
        said.set(None);
        assert_eq!(said.take(), None);
    }
}
