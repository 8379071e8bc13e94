use std::borrow::Cow;

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(
    /// Sorted by name.
    Vec<(Cow<'static, str>, FieldValue)>,
);

impl Headers {
    /// The header of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        let place = self.place(name).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// All of them. The order says nothing.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Sets a header, and answers the value that it replaces.
    pub fn insert(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FieldValue>,
    ) -> Option<FieldValue> {
        let (name, value) = (name.into(), value.into());
        match self.place(&name) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (name, value));
                None
            }
        }
    }

    /// Takes a header away, and answers its value.
    pub fn remove(&mut self, name: &str) -> Option<FieldValue> {
        let place = self.place(name).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Takes away all but those to keep.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &FieldValue) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[(Cow<'static, str>, FieldValue)] {
        &self.0
    }

    /// Where the header of this name is, or is to be put.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
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
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_put_in_any_order_are_the_same() {
        let one: Headers = [("b", 1), ("a", 2), ("c", 3), ("b", 4)].into_iter().collect();
        let other: Headers = [("c", 3), ("b", 4), ("a", 2)].into_iter().collect();
        assert_eq!(one, other);
        assert_eq!(one.len(), 3);
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
