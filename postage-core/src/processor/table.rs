//! Which handlers a message goes to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::counts::Counts;
use super::erased::AnyProcessor;
use super::reply_handler::RESULT;
use crate::contract::Method;
use crate::error::ServeError;
use crate::headers;
use crate::message::Category;
use crate::transport::Properties;

type Key<'a> = (Category, &'a str, &'a str);

/// The handlers of a service by category, type and name, then by version.
#[derive(Debug)]
pub(crate) struct Table {
    by_key: HashMap<Key<'static>, Handlers>,
    /// All methods, processor by processor.
    counted: Vec<(&'static Method, Counts)>,
}

/// The handlers of one category, type and name: those without a version, then version by version as
/// they were served. Several of one version are in the order written.
#[derive(Debug, Default)]
struct Handlers {
    entries: Vec<Entry>,
    /// How many have no version.
    unversioned: usize,
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

impl Handlers {
    fn of_version(&self, version: Option<&str>) -> &[Entry] {
        let is_of = |entry: &Entry| entry.method.version() == version;
        let Some(start) = self.entries.iter().position(is_of) else { return &[] };
        let count = self.entries[start..].iter().take_while(|entry| is_of(entry)).count();
        &self.entries[start..start + count]
    }

    fn insert(&mut self, entry: Entry) {
        let version = entry.method.version();
        let same = self.entries.iter().rposition(|known| known.method.version() == version);
        let place = match version {
            None => self.unversioned,
            Some(_) => same.map_or(self.entries.len(), |last| last + 1),
        };
        self.entries.insert(place, entry);
        self.unversioned += usize::from(version.is_none());
    }

    /// Those for a message of this version, or of none.
    fn choose(&self, version: Option<&str>) -> &[Entry] {
        let unversioned = &self.entries[..self.unversioned];
        match version.map(|_| self.of_version(version)) {
            Some(same) if !same.is_empty() => same,
            Some(_) => unversioned,
            None if !unversioned.is_empty() => unversioned,
            None => self.of_version(self.entries.first().and_then(|first| first.method.version())),
        }
    }
}

impl Table {
    pub(crate) fn of(
        service: &str,
        processors: &[Arc<dyn AnyProcessor>],
    ) -> Result<Self, ServeError> {
        let mut by_key: HashMap<Key<'static>, Handlers> = HashMap::new();
        let mut counted = Vec::new();
        for (processor, index, method) in methods(processors) {
            let handlers = by_key.entry(key(method)).or_default();
            let known = handlers.of_version(method.version());
            if method.category() == Category::Rpc && !known.is_empty() {
                return Err(ServeError::TwoAnswers {
                    service: service.to_owned(),
                    kind: method.kind(),
                    name: method.name(),
                    version: method.version(),
                });
            }
            if method.kind() == RESULT && !handlers.entries.is_empty() {
                return Err(ServeError::TwoReplyHandlers {
                    service: service.to_owned(),
                    name: method.name(),
                });
            }
            counted.push((method, Counts::default()));
            handlers.insert(Entry { processor, index, counted: counted.len() - 1, method });
        }
        Ok(Self { by_key, counted })
    }

    /// Counts a message that a handler has handled in this time.
    pub(super) fn count(&self, handler: &Entry, took: Duration, failed: bool) {
        if let Some((_, counts)) = self.counted.get(handler.counted) {
            counts.add(took, failed);
        }
    }

    /// Every handler, and what it has done so far.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (&'static Method, &Counts)> {
        self.counted.iter().map(|(method, counts)| (*method, counts))
    }

    /// The handlers of a message, by its properties where there are several versions of them.
    pub(super) fn handlers<'a>(
        &'a self,
        category: Category,
        kind: &'a str,
        name: &'a str,
        properties: &Properties,
    ) -> &'a [Entry] {
        let Some(handlers) = self.by_key.get(&(category, kind, name)) else { return &[] };
        if handlers.unversioned == handlers.entries.len() {
            return &handlers.entries;
        }
        handlers.choose(headers::version(properties).as_deref())
    }

    /// Whether any version of this is handled.
    pub(super) fn knows(&self, category: Category, kind: &str, name: &str) -> bool {
        self.by_key.contains_key(&(category, kind, name))
    }

    /// The versions in which this is handled, in the order in which they were served.
    pub(super) fn versions(&self, category: Category, kind: &str, name: &str) -> Vec<&'static str> {
        let handlers = self.by_key.get(&(category, kind, name));
        let entries = handlers.into_iter().flat_map(|handlers| &handlers.entries);
        let mut versions: Vec<_> = entries.filter_map(|entry| entry.method.version()).collect();
        versions.dedup();
        versions
    }

    /// Whether any handler is stopped when its caller has left.
    pub(super) fn any_cancellable(&self) -> bool {
        self.counted.iter().any(|(method, _)| method.is_cancellable())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::{Outcome, Request};
    use crate::topology::FieldValue;
    use crate::transport::BoxFuture;

    /// Processors that are nothing but their tables.
    struct Of(&'static [&'static [Method]]);

    impl AnyProcessor for Of {
        fn name(&self) -> &'static str {
            "Desk"
        }

        fn table(&self) -> &'static [&'static [Method]] {
            self.0
        }

        fn dispatch<'a>(&'a self, _: usize, _: Request<'a>) -> BoxFuture<'a, Outcome> {
            Box::pin(async { Outcome::Done })
        }
    }

    const fn note(method: &'static str) -> Method {
        Method::message("command", "note", method, &[])
    }

    const PLAIN: &[&[Method]] = &[&[note("plain"), note("plain too")]];
    const ONE: &[&[Method]] = &[&[note("one").with_version("1")]];
    const TWO: &[&[Method]] =
        &[&[note("two").with_version("2"), note("two too").with_version("2")]];

    fn table(of: &[&'static [&'static [Method]]]) -> Result<Table, ServeError> {
        let processors: Vec<Arc<dyn AnyProcessor>> =
            of.iter().map(|table| Arc::new(Of(table)) as _).collect();
        Table::of("Desk", &processors)
    }

    /// Who handles a note with this header.
    fn chosen(table: &Table, version: Option<FieldValue>) -> Vec<&'static str> {
        let mut properties = Properties::default();
        if let Some(version) = version {
            properties.set_header(headers::VERSION, version);
        }
        let chosen = table.handlers(Category::Message, "command", "note", &properties);
        chosen.iter().map(Entry::name).collect()
    }

    #[test]
    fn a_message_goes_to_its_version_else_to_those_without_one_else_to_the_first_served() {
        let plain = ["plain", "plain too"];
        for (served, none, one, two, three) in [
            (vec![PLAIN], &plain[..], &plain[..], &plain[..], &plain[..]),
            (vec![ONE, TWO], &["one"], &["one"], &["two", "two too"], &[]),
            (vec![TWO, ONE], &["two", "two too"], &["one"], &["two", "two too"], &[]),
            (vec![TWO, PLAIN, ONE], &plain, &["one"], &["two", "two too"], &plain),
        ] {
            let table = table(&served).unwrap();
            assert_eq!(chosen(&table, None), none);
            assert_eq!(chosen(&table, Some("1".into())), one);
            assert_eq!(chosen(&table, Some("2".into())), two);
            assert_eq!(chosen(&table, Some(2.into())), two);
            assert_eq!(chosen(&table, Some("3".into())), three);
            assert_eq!(chosen(&table, Some(true.into())), none);
        }
    }

    #[test]
    fn the_versions_are_known_in_the_order_in_which_they_are_served() {
        let table = table(&[TWO, PLAIN, ONE]).unwrap();
        assert_eq!(table.versions(Category::Message, "command", "note"), ["2", "1"]);
        assert_eq!(table.versions(Category::Rpc, "command", "note"), [""; 0]);
        assert!(table.knows(Category::Message, "command", "note"));
        assert!(!table.knows(Category::Rpc, "command", "note"));
    }

    #[test]
    fn two_answer_one_command_only_in_different_versions() {
        const ONE: &[&[Method]] =
            &[&[Method::rpc("command", "place", "place", &[], "()").with_version("1")]];
        const TWO: &[&[Method]] =
            &[&[Method::rpc("command", "place", "place", &[], "()").with_version("2")]];
        const PLAIN: &[&[Method]] = &[&[Method::rpc("command", "place", "place", &[], "()")]];
        assert!(table(&[ONE, TWO, PLAIN]).is_ok());
        let two = table(&[TWO, ONE, TWO]).unwrap_err().to_string();
        assert_eq!(
            two,
            "`Desk` has two RPC handlers for command `place` of version 2: only one could answer"
        );
        let plain = table(&[PLAIN, PLAIN]).unwrap_err().to_string();
        assert_eq!(plain, "`Desk` has two RPC handlers for command `place`: only one could answer");
    }
}
