use std::borrow::Cow;

/// A value in an AMQP field table: an argument of a declaration, or a header of a message.
///
/// The types are those of AMQP 0-9-1 as RabbitMQ speaks it. Integers of every width arrive as
/// [`FieldValue::Int`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FieldValue {
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A UTF-8 text.
    Text(Cow<'static, str>),
    /// Bytes that are not a text.
    Bytes(Vec<u8>),
    /// Seconds since the Unix epoch.
    Timestamp(u64),
    /// A list of values.
    List(Vec<FieldValue>),
    /// A table within the table.
    Table(Vec<(Cow<'static, str>, FieldValue)>),
    /// No value.
    Void,
}

impl FieldValue {
    /// The text, when the value is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, when the value is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for FieldValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for FieldValue {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u8> for FieldValue {
    fn from(value: u8) -> Self {
        Self::Int(value.into())
    }
}

impl From<u16> for FieldValue {
    fn from(value: u16) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for FieldValue {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for FieldValue {
    /// The largest signed integer stands for what is over it: AMQP's tables have no larger one that
    /// every broker reads.
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for FieldValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for FieldValue {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<Cow<'static, str>> for FieldValue {
    fn from(value: Cow<'static, str>) -> Self {
        Self::Text(value)
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

/// The arguments of a declaration or a binding: values by name, each name once.
///
/// ```
/// use postage_core::{Arguments, FieldValue};
///
/// let arguments: Arguments = [("x-max-priority", 10), ("x-max-priority", 5)].into_iter().collect();
/// assert_eq!(arguments.get("x-max-priority"), Some(&FieldValue::Int(5)));
/// assert_eq!(arguments.len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Arguments(Cow<'static, [(Cow<'static, str>, FieldValue)]>);

impl Arguments {
    /// No arguments.
    pub const NONE: Self = Self::constant(&[]);

    /// These arguments, as a constant has them. The names must differ.
    pub(crate) const fn constant(entries: &'static [(Cow<'static, str>, FieldValue)]) -> Self {
        Self(Cow::Borrowed(entries))
    }

    /// The argument of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All of them. The order says nothing.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &FieldValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Sets an argument, in the place of one of the same name.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<FieldValue>) {
        let (name, value) = (name.into(), value.into());
        let entries = self.0.to_mut();
        match entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => entries.push((name, value)),
        }
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
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<FieldValue>> FromIterator<(N, V)> for Arguments {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        let mut arguments = Self::NONE;
        arguments.extend(entries);
        arguments
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<FieldValue>> Extend<(N, V)> for Arguments {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(name, value)| self.insert(name, value));
    }
}
