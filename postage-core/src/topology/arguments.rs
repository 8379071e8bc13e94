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

impl From<u32> for FieldValue {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
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

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

/// The arguments of a declaration or a binding, in the order written.
pub type Arguments = Cow<'static, [(Cow<'static, str>, FieldValue)]>;
