use std::sync::OnceLock;

use crate::schema::SchemaSource;

/// The signature of a method as its macro writes it. It is a static of its own, and known in full
/// when it was first asked for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Signature {
    text: &'static str,
    /// Where the types of the user's own end in the text, in order, and their schemas.
    own: &'static [(usize, SchemaSource)],
    full: OnceLock<String>,
}

impl Signature {
    #[must_use]
    pub const fn new(text: &'static str, own: &'static [(usize, SchemaSource)]) -> Self {
        Self { text, own, full: OnceLock::new() }
    }

    /// The text that travels: each type that has a schema is followed by the digest of that.
    pub(crate) fn text(&'static self) -> &'static str {
        if self.own.is_empty() {
            return self.text;
        }
        self.full.get_or_init(|| self.with_digests())
    }

    fn with_digests(&self) -> String {
        let mut full = String::with_capacity(self.text.len() + 9 * self.own.len());
        let mut done = 0;
        for (end, schema) in self.own {
            full.push_str(&self.text[done..*end]);
            done = *end;
            if let Some(digest) = schema.digest() {
                full.push_str(&format!("#{digest:08x}"));
            }
        }
        full + &self.text[done..]
    }
}
