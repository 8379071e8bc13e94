//! The laws of routing, as constants can compute them: the macros check a contract's key against
//! a service's bindings with the same functions that the memory transport routes by.

/// Whether a topic pattern takes a routing key: words separated by dots, `*` for exactly one word,
/// `#` for any number of words, none included.
pub(crate) const fn topic_matches(pattern: &str, key: &str) -> bool {
    matches_from(pattern.as_bytes(), Some(0), key.as_bytes(), Some(0))
}

/// `None` stands for "no word left"; the empty text is one empty word.
const fn matches_from(
    pattern: &[u8],
    at_pattern: Option<usize>,
    key: &[u8],
    at_key: Option<usize>,
) -> bool {
    let Some(pattern_start) = at_pattern else {
        return at_key.is_none();
    };
    let pattern_end = word_end(pattern, pattern_start);
    let pattern_next = next_word(pattern, pattern_end);
    if is_wildcard(pattern, pattern_start, pattern_end, b'#') {
        let mut rest = at_key;
        loop {
            if matches_from(pattern, pattern_next, key, rest) {
                return true;
            }
            match rest {
                Some(start) => rest = next_word(key, word_end(key, start)),
                None => return false,
            }
        }
    }
    let Some(key_start) = at_key else {
        return false;
    };
    let key_end = word_end(key, key_start);
    let same = is_wildcard(pattern, pattern_start, pattern_end, b'*')
        || same_bytes(pattern, pattern_start, pattern_end, key, key_start, key_end);
    same && matches_from(pattern, pattern_next, key, next_word(key, key_end))
}

const fn word_end(text: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < text.len() && text[end] != b'.' {
        end += 1;
    }
    end
}

const fn next_word(text: &[u8], end: usize) -> Option<usize> {
    if end < text.len() { Some(end + 1) } else { None }
}

const fn is_wildcard(text: &[u8], start: usize, end: usize, wildcard: u8) -> bool {
    end == start + 1 && text[start] == wildcard
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
    use super::topic_matches;

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
            ("*", "", true),
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
