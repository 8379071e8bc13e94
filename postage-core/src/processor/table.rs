//! Which handlers a message goes to.

use std::collections::HashMap;

use super::MessageProcessor;
use crate::contract::Method;
use crate::error::ServeError;
use crate::message::Category;

type Key<'a> = (Category, &'a str, &'a str);

/// The handlers of a service by category, type and name; several for one message are in the order
/// written.
#[derive(Debug)]
pub(super) struct Table(HashMap<Key<'static>, Vec<Entry>>);

/// A handler's index, and its name for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) index: usize,
    pub(super) method: &'static str,
    pub(super) cancellable: bool,
}

impl Table {
    pub(super) fn of<P: MessageProcessor>() -> Result<Self, ServeError> {
        let mut table: HashMap<Key<'static>, Vec<Entry>> = HashMap::new();
        let methods = P::TABLE.iter().copied().flatten();
        for (index, method) in methods.enumerate() {
            let handlers = table.entry(key(method)).or_default();
            if method.category() == Category::Rpc && !handlers.is_empty() {
                return Err(ServeError::TwoAnswers {
                    service: P::NAME,
                    kind: method.kind(),
                    name: method.name(),
                });
            }
            let (method, cancellable) = (method.method(), method.is_cancellable());
            handlers.push(Entry { index, method, cancellable });
        }
        Ok(Self(table))
    }

    pub(super) fn handlers<'a>(
        &'a self,
        category: Category,
        kind: &'a str,
        name: &'a str,
    ) -> &'a [Entry] {
        self.0.get(&(category, kind, name)).map_or(&[], Vec::as_slice)
    }

    /// Whether any handler is stopped when its caller has left.
    pub(super) fn any_cancellable(&self) -> bool {
        self.0.values().flatten().any(|handler| handler.cancellable)
    }

    /// The names of the commands that are answered, for the one who asked for another.
    pub(super) fn commands(&self) -> Vec<&'static str> {
        let rpcs = self.0.keys().filter(|(category, ..)| *category == Category::Rpc);
        let mut names: Vec<_> = rpcs.map(|(_, _, name)| *name).collect();
        names.sort_unstable();
        names
    }
}

const fn key(method: &Method) -> Key<'static> {
    (method.category(), method.kind(), method.name())
}
