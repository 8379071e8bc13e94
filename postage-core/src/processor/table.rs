//! Which handlers a message goes to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::counts::Counts;
use super::erased::AnyProcessor;
use crate::contract::Method;
use crate::error::ServeError;
use crate::message::Category;

type Key<'a> = (Category, &'a str, &'a str);

/// The handlers of a service by category, type and name; several for one message are in the order
/// written.
#[derive(Debug)]
pub(crate) struct Table {
    by_key: HashMap<Key<'static>, Vec<Entry>>,
    /// All methods, processor by processor.
    counted: Vec<(&'static Method, Counts)>,
}

/// A handler's place, and what it handles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The place of its processor, and its index there.
    pub(super) processor: usize,
    pub(super) index: usize,
    /// Its place among all methods.
    counted: usize,
    pub(crate) method: &'static Method,
}

impl Entry {
    /// Its name in Rust, for errors.
    pub(super) const fn name(&self) -> &'static str {
        self.method.method()
    }
}

impl Table {
    pub(crate) fn of(
        service: &str,
        processors: &[Arc<dyn AnyProcessor>],
    ) -> Result<Self, ServeError> {
        let mut by_key: HashMap<Key<'static>, Vec<Entry>> = HashMap::new();
        let mut counted = Vec::new();
        for (processor, index, method) in methods(processors) {
            let handlers = by_key.entry(key(method)).or_default();
            if method.category() == Category::Rpc && !handlers.is_empty() {
                return Err(ServeError::TwoAnswers {
                    service: service.to_owned(),
                    kind: method.kind(),
                    name: method.name(),
                });
            }
            counted.push((method, Counts::default()));
            handlers.push(Entry { processor, index, counted: counted.len() - 1, method });
        }
        Ok(Self { by_key, counted })
    }

    /// Counts a message that a handler has handled in this time.
    pub(super) fn count(&self, handler: Entry, took: Duration, failed: bool) {
        if let Some((_, counts)) = self.counted.get(handler.counted) {
            counts.add(took, failed);
        }
    }

    /// Every handler, and what it has done so far.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (&'static Method, &Counts)> {
        self.counted.iter().map(|(method, counts)| (*method, counts))
    }

    pub(super) fn handlers<'a>(
        &'a self,
        category: Category,
        kind: &'a str,
        name: &'a str,
    ) -> &'a [Entry] {
        self.by_key.get(&(category, kind, name)).map_or(&[], Vec::as_slice)
    }

    /// Whether any handler is stopped when its caller has left.
    pub(super) fn any_cancellable(&self) -> bool {
        self.by_key.values().flatten().any(|handler| handler.method.is_cancellable())
    }

    /// The names of the commands that are answered, for the one who asked for another.
    pub(super) fn commands(&self) -> Vec<&'static str> {
        let rpcs = self.by_key.keys().filter(|(category, ..)| *category == Category::Rpc);
        let mut names: Vec<_> = rpcs.map(|(_, _, name)| *name).collect();
        names.sort_unstable();
        names
    }
}

/// Each method with the place of its processor and its index there.
fn methods(
    processors: &[Arc<dyn AnyProcessor>],
) -> impl Iterator<Item = (usize, usize, &'static Method)> {
    processors.iter().enumerate().flat_map(|(processor, of)| {
        let methods = of.table().iter().copied().flatten();
        methods.enumerate().map(move |(index, method)| (processor, index, method))
    })
}

/// The name that is a slip of the pen away from `given`, if there is one.
pub(crate) fn nearest<'n>(given: &str, names: &[&'n str]) -> Option<&'n str> {
    let tolerance = (given.chars().count() / 3).max(1);
    // A peer chooses `given`: what cannot be near is not measured.
    let near = names.iter().filter(|name| name.len().abs_diff(given.len()) <= tolerance * 4);
    let distances = near.map(|name| (strsim::osa_distance(given, name), *name));
    let near = distances.filter(|(distance, _)| *distance <= tolerance);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

const fn key(method: &Method) -> Key<'static> {
    (method.category(), method.kind(), method.name())
}
