use std::fmt::Display;
use std::ops::Deref;

use super::record::Entry;

/// The messages that a [`Harness`](super::Harness) was asked for, in order. It is a slice, and
/// knows what else there was, for those who expected otherwise.
#[derive(Clone, Debug)]
pub struct Found<M> {
    /// What was asked for, like ``received as `place` ``.
    what: String,
    messages: Vec<M>,
    all: Vec<Entry>,
}

impl<M: Display> Found<M> {
    pub(super) const fn new(what: String, messages: Vec<M>, all: Vec<Entry>) -> Self {
        Self { what, messages, all }
    }

    /// The only one.
    ///
    /// # Panics
    /// When there is none, or more than one. The text says what there was.
    #[must_use]
    #[track_caller]
    pub fn only(self) -> M {
        let [only] = self.all();
        only
    }

    /// All of them, exactly as many as you name: `let [first, second] = found.all();`
    ///
    /// # Panics
    /// When there are more or fewer. The text says what there was.
    #[must_use]
    #[track_caller]
    pub fn all<const N: usize>(self) -> [M; N] {
        let Self { what, messages, all } = self;
        let count = messages.len();
        // Not in a closure, which would not know the caller's place.
        match messages.try_into() {
            Ok(all) => all,
            Err(_) => panic!("expected {N} {what}, found {count}; {}", transcript(&all)),
        }
    }

    /// That there is none.
    ///
    /// # Panics
    /// When there is one. The text says what there was.
    #[track_caller]
    pub fn none(self) {
        let [] = self.all();
    }
}

impl<M> Deref for Found<M> {
    type Target = [M];

    fn deref(&self) -> &[M] {
        &self.messages
    }
}

impl<M> IntoIterator for Found<M> {
    type Item = M;
    type IntoIter = std::vec::IntoIter<M>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

/// All that passed, a line each.
pub(super) fn transcript(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "nothing was received or sent".to_owned();
    }
    let mut text = "what was received and sent:".to_owned();
    for entry in entries {
        text.push_str("\n  ");
        text.push_str(&entry.to_string());
    }
    text
}
