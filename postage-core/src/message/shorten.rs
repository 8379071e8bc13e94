//! A peer's text in a text of ours: however long it is, what is shown of it is short.

use std::borrow::Cow;

/// The text, when it has at most 200 characters; else its start and its end, which says what was
/// expected where.
pub(crate) fn shorten(text: &str) -> Cow<'_, str> {
    shorten_to(text, 200)
}

/// As [`shorten`], to at most this many characters.
pub(crate) fn shorten_to(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || text.char_indices().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let tail = most / 3;
    let head = most.saturating_sub(tail + 1);
    let head = text.char_indices().nth(head).map_or(0, |(end, _)| end);
    let tail = tail.checked_sub(1).and_then(|last| text.char_indices().nth_back(last));
    let tail = tail.map_or(text.len(), |(start, _)| start);
    Cow::Owned(format!("{}…{}", &text[..head], &text[tail..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        let text = "é".repeat(200);
        assert!(matches!(shorten(&text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn a_long_text_keeps_its_start_and_its_end_whatever_its_letters() {
        for letter in ["a", "é", "😀"] {
            let text = format!("start{}end", letter.repeat(1_000_000));
            let short = shorten(&text);
            assert_eq!(short.chars().count(), 200);
            assert!(short.starts_with("start") && short.ends_with("end"), "{short}");
        }
    }

    #[test]
    fn a_limit_that_leaves_room_for_nothing_is_kept() {
        for most in 0..4 {
            assert!(shorten_to("abcdef", most).chars().count() <= most.max(1));
        }
    }
}
