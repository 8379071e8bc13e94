//! What to write instead: the nearest right spelling, and the list of what is allowed.

/// A sentence to follow an unknown spelling: `` did you mean `topic`? Allowed are `direct`, … ``
pub(crate) fn allowed(given: &str, names: &[&str]) -> String {
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest(given, names) {
        Some(name) => format!("did you mean `{name}`? Allowed are {list}"),
        None => format!("allowed are {list}"),
    }
}

/// The name that a typing mistake away from `given`, if there is one.
pub(crate) fn nearest<'n>(given: &str, names: &[&'n str]) -> Option<&'n str> {
    let tolerance = (given.chars().count() / 3).max(1);
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), *name))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{allowed, nearest};

    #[test]
    fn a_small_slip_is_recognised_and_a_stranger_is_not() {
        let kinds = ["direct", "topic", "fanout", "headers"];
        assert_eq!(nearest("topik", &kinds), Some("topic"));
        assert_eq!(nearest("driect", &kinds), Some("direct"));
        assert_eq!(nearest("banana", &kinds), None);
    }

    #[test]
    fn the_sentence_lists_what_is_allowed() {
        assert_eq!(
            allowed("kye", &["key", "name"]),
            "did you mean `key`? Allowed are `key`, `name`"
        );
        assert_eq!(allowed("zzz", &["key", "name"]), "allowed are `key`, `name`");
    }
}
