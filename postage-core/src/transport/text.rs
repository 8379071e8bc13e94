use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A text that passes through many hands: one that is static or shared is cloned at no cost.
///
/// ```
/// use postage_core::transport::{Properties, SharedText};
///
/// let id = SharedText::from("7".to_owned()).shared();
/// let mut properties = Properties::default();
/// properties.message_id = Some(id.clone());
/// properties.correlation_id = Some(id);
/// properties.reply_to = Some("replies".into());
/// assert_eq!(properties.message_id.as_deref(), Some("7"));
/// ```
#[derive(Clone)]
pub struct SharedText(Form);

#[derive(Clone)]
enum Form {
    Static(&'static str),
    /// As it came: it need not be copied before somebody shares it.
    Owned(String),
    Shared(Arc<str>),
}

impl SharedText {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self
    }

    /// The same, to be cloned at no cost from now on.
    #[must_use]
    pub fn shared(self) -> Self {
        match self.0 {
            Form::Owned(text) => Self(Form::Shared(text.into())),
            form => Self(form),
        }
    }

    /// The text as one's own.
    #[must_use]
    pub fn into_owned(self) -> String {
        match self.0 {
            Form::Owned(text) => text,
            form => Self(form).as_str().to_owned(),
        }
    }
}

impl Deref for SharedText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Form::Static(text) => text,
            Form::Owned(text) => text,
            Form::Shared(text) => text,
        }
    }
}

impl AsRef<str> for SharedText {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Default for SharedText {
    fn default() -> Self {
        Self(Form::Static(""))
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl<T: AsRef<str> + ?Sized> PartialEq<T> for SharedText {
    fn eq(&self, other: &T) -> bool {
        self.as_str() == other.as_ref()
    }
}

impl Eq for SharedText {}

impl PartialEq<SharedText> for str {
    fn eq(&self, other: &SharedText) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<SharedText> for &str {
    fn eq(&self, other: &SharedText) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<SharedText> for String {
    fn eq(&self, other: &SharedText) -> bool {
        self == other.as_str()
    }
}

impl Hash for SharedText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for SharedText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SharedText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl From<&'static str> for SharedText {
    fn from(text: &'static str) -> Self {
        Self(Form::Static(text))
    }
}

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        Self(Form::Owned(text))
    }
}

impl From<Cow<'static, str>> for SharedText {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Arc<str>> for SharedText {
    fn from(text: Arc<str>) -> Self {
        Self(Form::Shared(text))
    }
}

impl From<SharedText> for Cow<'static, str> {
    fn from(text: SharedText) -> Self {
        match text.0 {
            Form::Static(text) => Self::Borrowed(text),
            form => Self::Owned(SharedText(form).into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_however_it_is_held() {
        let all: [SharedText; 4] = [
            "a".into(),
            "a".to_owned().into(),
            SharedText::from("a".to_owned()).shared(),
            Arc::<str>::from("a").into(),
        ];
        for text in &all {
            assert_eq!(text, &all[0]);
            assert_eq!(text, "a");
            assert_eq!("a", *text);
            assert_eq!("a".to_owned(), *text);
            assert_eq!(Cow::from(text.clone()), "a");
            assert_eq!(text.clone().into_owned(), "a");
        }
    }

    #[test]
    fn one_that_may_be_missing_takes_no_more_room_than_a_string() {
        assert_eq!(size_of::<Option<SharedText>>(), size_of::<String>());
    }
}
