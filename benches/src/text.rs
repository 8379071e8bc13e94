//! The texts that travel.

/// How many digits of a text are its number.
const DIGITS: usize = 20;

/// A text of this many bytes that begins with this number.
#[must_use]
pub fn numbered(number: u64, size: usize) -> String {
    let mut text = String::with_capacity(size.max(DIGITS));
    text.push_str(&format!("{number:0DIGITS$}"));
    text.extend(std::iter::repeat_n('x', size.saturating_sub(DIGITS)));
    text
}

/// The number that a text begins with.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    text.get(..DIGITS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_its_size_and_its_number() {
        let text = numbered(4021, 64);
        assert_eq!((text.len(), number(&text)), (64, Some(4021)));
        assert_eq!(number("no number"), None);
    }
}
