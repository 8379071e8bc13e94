//! A list that is mostly of one: only more than that take an allocation.

#[derive(Debug)]
pub(super) struct Few<T> {
    first: Option<T>,
    more: Vec<T>,
}

impl<T> Few<T> {
    pub(super) const fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.more)
    }
}

impl<T: Ord> Few<T> {
    /// The same, each once and in order.
    pub(super) fn in_order(self) -> Self {
        if self.more.is_empty() {
            return self;
        }
        let mut all: Vec<T> = self.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().collect()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            match &self.first {
                None => self.first = Some(item),
                Some(_) => self.more.push(item),
            }
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::new();
        few.extend(items);
        few
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_put_in_order_each_once() {
        for (given, expected) in [
            (vec![], vec![]),
            (vec![2], vec![2]),
            (vec![2, 2], vec![2]),
            (vec![3, 1, 2, 1, 3], vec![1, 2, 3]),
        ] {
            let few: Few<i32> = given.into_iter().collect();
            assert_eq!(few.is_empty(), expected.is_empty());
            let few = few.in_order();
            assert!(few.iter().eq(&expected));
            assert!(few.into_iter().eq(expected));
        }
    }
}
