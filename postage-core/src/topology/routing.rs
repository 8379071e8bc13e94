//! The laws of routing, as constants can compute them: the macros check a contract's key against
//! a service's bindings with the same functions that the memory transport routes by.

/// Whether a topic pattern takes a routing key: words separated by dots, `*` for exactly one word,
/// `#` for any number of words, none included. The empty text has no word.
///
/// A `#` first takes nothing, and one word more each time that the rest does not match. Only the
/// latest `#` is ever tried again: what the earlier ones could take instead, it can take too.
pub(crate) const fn topic_matches(pattern: &str, key: &str) -> bool {
    let (pattern, key) = (pattern.as_bytes(), key.as_bytes());
    let mut at_pattern = first_word(pattern);
    let mut at_key = first_word(key);
    // What follows the latest `#` in the pattern, and in the key what it has not taken.
    let mut hash = None;
    loop {
        match (at_pattern, at_key) {
            (None, None) => return true,
            (Some(start), _) if is_word(pattern, start, b"#") => {
                at_pattern = next_word(pattern, start);
                hash = Some((at_pattern, at_key));
                continue;
            }
            (Some(start), Some(key_start))
                if is_word(pattern, start, b"*") || same_word(pattern, start, key, key_start) =>
            {
                at_pattern = next_word(pattern, start);
                at_key = next_word(key, key_start);
                continue;
            }
            _ => {}
        }
        let Some((after_hash, Some(not_taken))) = hash else {
            return false;
        };
        at_pattern = after_hash;
        at_key = next_word(key, not_taken);
        hash = Some((at_pattern, at_key));
    }
}

const fn first_word(text: &[u8]) -> Option<usize> {
    if text.is_empty() { None } else { Some(0) }
}

const fn word_end(text: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < text.len() && text[end] != b'.' {
        end += 1;
    }
    end
}

/// Where the word after the one that starts here starts.
const fn next_word(text: &[u8], start: usize) -> Option<usize> {
    let end = word_end(text, start);
    if end < text.len() { Some(end + 1) } else { None }
}

const fn is_word(text: &[u8], start: usize, word: &[u8]) -> bool {
    same_bytes(text, start, word_end(text, start), word, 0, word.len())
}

const fn same_word(left: &[u8], left_start: usize, right: &[u8], right_start: usize) -> bool {
    let (left_end, right_end) = (word_end(left, left_start), word_end(right, right_start));
    same_bytes(left, left_start, left_end, right, right_start, right_end)
}

const fn same_bytes(
    left: &[u8],
    left_start: usize,
    left_end: usize,
    right: &[u8],
    right_start: usize,
    right_end: usize,
) -> bool {
    if left_end - left_start != right_end - right_start {
        return false;
    }
    let mut offset = 0;
    while left_start + offset < left_end {
        if left[left_start + offset] != right[right_start + offset] {
            return false;
        }
        offset += 1;
    }
    true
}

/// Text equality in a constant.
pub(crate) const fn same_text(left: &str, right: &str) -> bool {
    same_bytes(left.as_bytes(), 0, left.len(), right.as_bytes(), 0, right.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::topic_matches;

    /// The definition, read aloud: what is left of the pattern, against what is left of the key.
    fn takes(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], key) => key.is_empty(),
            (["#", rest @ ..], []) => takes(rest, key),
            (["#", rest @ ..], [_, later @ ..]) => takes(rest, key) || takes(pattern, later),
            ([_, ..], []) => false,
            ([word, rest @ ..], [first, later @ ..]) => {
                (*word == "*" || word == first) && takes(rest, later)
            }
        }
    }

    fn words(text: &str) -> Vec<&str> {
        if text.is_empty() { Vec::new() } else { text.split('.').collect() }
    }

    /// Few different words, so that patterns and keys often meet.
    fn text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(words), 0..8)
            .prop_map(|words| words.join("."))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn a_pattern_takes_what_its_definition_says(
            pattern in text(&["a", "b", "ab", "", "*", "#", "#"]),
            key in text(&["a", "b", "ab", ""]),
        ) {
            prop_assert_eq!(
                topic_matches(&pattern, &key),
                takes(&words(&pattern), &words(&key)),
                "`{}` against `{}`", pattern, key
            );
        }

        #[test]
        fn a_pattern_of_any_text_takes_what_its_definition_says(
            pattern in "[.*#aß]{0,12}",
            key in "[.*#aß]{0,12}",
        ) {
            prop_assert_eq!(
                topic_matches(&pattern, &key),
                takes(&words(&pattern), &words(&key)),
                "`{}` against `{}`", pattern, key
            );
        }

        #[test]
        fn a_key_without_wildcards_takes_itself_and_nothing_else(
            left in text(&["a", "b", ""]),
            right in text(&["a", "b", ""]),
        ) {
            prop_assert!(topic_matches(&left, &left));
            prop_assert_eq!(topic_matches(&left, &right), left == right);
        }
    }

    #[test]
    fn many_hashes_against_a_long_key_end_soon() {
        let pattern = "#.a.".repeat(60) + "b";
        let key = "a.".repeat(120) + "a";
        assert!(!topic_matches(&pattern, &key));
    }

    #[test]
    fn a_star_takes_exactly_one_word_and_a_hash_any_number() {
        for (pattern, key, expected) in [
            ("orders.desk", "orders.desk", true),
            ("orders.*", "orders.desk", true),
            ("orders.*", "orders", false),
            ("orders.*", "orders.desk.eu", false),
            ("orders.#", "orders", true),
            ("orders.#", "orders.desk.eu", true),
            ("#", "", true),
            ("#", "a.b", true),
            ("*", "", false),
            ("#.*", "", false),
            ("*", ".", false),
            ("*.*", ".", true),
            ("#.eu", "orders.desk.eu", true),
            ("#.eu", "orders.desk.us", false),
            ("a.#.b.#.c", "a.x.b.y.z.c", true),
            ("a.#.b", "a.b", true),
            ("a*", "ab", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(topic_matches(pattern, key), expected, "{pattern} against {key}");
        }
    }
}
