use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::topology::FieldValue;

/// The headers of a message: values by name, each name once. Their order is not kept on the wire.
///
/// ```
/// use postage_core::FieldValue;
/// use postage_core::transport::Headers;
///
/// let mut headers: Headers = [("floor", 3)].into_iter().collect();
/// headers.insert("floor", 4);
/// assert_eq!(headers.get("floor"), Some(&FieldValue::Int(4)));
/// assert_eq!(headers.remove("floor"), Some(FieldValue::Int(4)));
/// assert!(headers.is_empty());
/// ```
#[derive(Clone)]
pub struct Headers(Entries);

type Entry = (Cow<'static, str>, FieldValue);

/// Sorted by name, as on the wire.
#[derive(Clone)]
enum Entries {
    Own(Vec<Entry>),
    /// Who changes them has their own again.
    Shared(Arc<Vec<Entry>>),
}

impl Headers {
    /// The header of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        // Names that begin alike mostly differ in length, which is compared first here. There are few.
        let entry = self.as_slice().iter().find(|(known, _)| known == name);
        entry.map(|(_, value)| value)
    }

    /// All of them. The order says nothing.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FieldValue)> {
        self.as_slice().iter().map(|(name, value)| (&**name, value))
    }

    /// Sets a header, and answers the value that it replaces.
    pub fn insert(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FieldValue>,
    ) -> Option<FieldValue> {
        let (name, value) = (name.into(), value.into());
        match self.place(&name) {
            Ok(place) => Some(mem::replace(&mut self.own()[place].1, value)),
            Err(place) => {
                self.own().insert(place, (name, value));
                None
            }
        }
    }

    /// Takes a header away, and answers its value.
    pub fn remove(&mut self, name: &str) -> Option<FieldValue> {
        let place = self.place(name).ok()?;
        Some(self.own().remove(place).1)
    }

    /// Takes away all but those to keep.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &FieldValue) -> bool) {
        self.own().retain(|(name, value)| keep(name, value));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[(Cow<'static, str>, FieldValue)] {
        match &self.0 {
            Entries::Own(entries) => entries,
            Entries::Shared(entries) => entries,
        }
    }

    /// Has them cloned at no cost until one is changed.
    pub(crate) fn share(&mut self) {
        if let Entries::Own(entries) = &mut self.0
            && !entries.is_empty()
        {
            self.0 = Entries::Shared(Arc::new(mem::take(entries)));
        }
    }

    fn own(&mut self) -> &mut Vec<Entry> {
        match &mut self.0 {
            Entries::Own(entries) => entries,
            Entries::Shared(entries) => Arc::make_mut(entries),
        }
    }

    /// Where the header of this name is, or is to be put.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.as_slice().binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self(Entries::Own(Vec::new()))
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<FieldValue>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        let mut headers = Self::default();
        headers.extend(entries);
        headers
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<FieldValue>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, entries: I) {
        for (name, value) in entries {
            self.insert(name, value);
        }
    }
}

impl IntoIterator for Headers {
    type Item = (Cow<'static, str>, FieldValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            Entries::Own(entries) => entries.into_iter(),
            Entries::Shared(entries) => Arc::unwrap_or_clone(entries).into_iter(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_in_the_order_of_their_names() {
        let headers: Headers = [("b", 1), ("aa", 2), ("c", 3)].into_iter().collect();
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["aa", "b", "c"]);
    }

    #[test]
    fn headers_put_in_any_order_are_the_same() {
        let one: Headers = [("b", 1), ("a", 2), ("c", 3), ("b", 4)].into_iter().collect();
        let other: Headers = [("c", 3), ("b", 4), ("a", 2)].into_iter().collect();
        assert_eq!(one, other);
        assert_eq!(one.len(), 3);
    }

    #[test]
    fn who_changes_shared_headers_changes_them_for_nobody_else() {
        let mut headers: Headers = [("a", 1), ("b", 2)].into_iter().collect();
        headers.share();
        let mut other = headers.clone();
        assert_eq!(other, headers);
        other.insert("a", 3);
        other.remove("b");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", &1.into()), ("b", &2.into())]);
        assert_eq!(other.into_iter().collect::<Vec<_>>(), [("a".into(), 3.into())]);
        assert_eq!(headers.into_iter().len(), 2);
    }

    #[test]
    fn a_header_is_found_replaced_and_taken_away_by_its_name() {
        let mut headers: Headers = [("b", 1), ("a", 2)].into_iter().collect();
        assert_eq!(headers.insert("b", 3), Some(FieldValue::Int(1)));
        assert_eq!(headers.get("b"), Some(&FieldValue::Int(3)));
        assert_eq!(headers.get("c"), None);
        assert_eq!(headers.remove("a"), Some(FieldValue::Int(2)));
        assert_eq!(headers.remove("a"), None);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("b", &FieldValue::Int(3))]);
    }
}
