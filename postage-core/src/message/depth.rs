//! How deep a JSON text is nested, found before it is parsed and without recursion.

/// Whether the lists and maps of a JSON text are nested deeper than this. Of a text that is no
/// JSON, the part before the fault counts as a parser would follow it.
pub(crate) fn is_nested_deeper(json: &[u8], levels: usize) -> bool {
    // Nearly every message opens fewer than it may, and counting them is the faster.
    opened(json) > levels && deepest(json, levels) > levels
}

/// How many lists and maps are opened, those within texts too.
fn opened(json: &[u8]) -> usize {
    // The two differ in one bit. A count of up to 255 fits a byte, by which many are looked at at once;
    // so many are whole vectors.
    const AT_ONCE: usize = 224;
    let opened = |bytes: &[u8]| bytes.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>();
    json.chunks(AT_ONCE).map(|bytes| usize::from(opened(bytes))).sum()
}

/// The depth of a JSON text; the look ends when it is over this.
fn deepest(json: &[u8], levels: usize) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => pass_text(&mut bytes),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        if deepest > levels {
            break;
        }
    }
    deepest
}

/// Passes over the rest of a text and its closing quote.
fn pass_text(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn lists_and_maps_count_and_what_stands_beside_them_does_not() {
        for (json, depth) in [
            ("", 0),
            ("1", 0),
            (r#""[[[""#, 0),
            ("[]", 1),
            (r#"{"a":[],"b":{"c":[1]},"d":[]}"#, 3),
            (r#"[[],[],[[]],[]]"#, 3),
            (r#"["\"[[","\\",["]]"]]"#, 2),
        ] {
            assert!(!is_nested_deeper(json.as_bytes(), depth), "{json}");
            assert!(depth == 0 || is_nested_deeper(json.as_bytes(), depth - 1), "{json}");
        }
    }

    #[test]
    fn a_text_that_is_no_json_ends_the_look_without_harm() {
        for json in ["]]]]", "[[[[", r#"["\"#, r#"[""#, "\"", "\\", "}{][", "\u{0}[\u{ff}"] {
            assert!(!is_nested_deeper(json.as_bytes(), 4), "{json}");
        }
        assert!(is_nested_deeper("[".repeat(1_000_000).as_bytes(), 127));
        assert!(is_nested_deeper(&[b"[\"".repeat(9), b"[".repeat(9)].concat(), 4));
    }

    fn depth_of(value: &Value) -> usize {
        match value {
            Value::Array(list) => 1 + list.iter().map(depth_of).max().unwrap_or(0),
            Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = r#"[\[\]{}"\\a,:]{0,6}"#;
        let leaf = prop_oneof![Just(Value::Null), text.prop_map(Value::from)];
        leaf.prop_recursive(6, 60, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text, inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_depth_of_any_value_is_found_in_its_text(value in any_value()) {
            let (json, depth) = (value.to_string(), depth_of(&value));
            prop_assert_eq!(deepest(json.as_bytes(), usize::MAX), depth);
            prop_assert!(opened(json.as_bytes()) >= depth);
            for levels in 0..8 {
                prop_assert_eq!(is_nested_deeper(json.as_bytes(), levels), depth > levels);
            }
        }
    }
}
