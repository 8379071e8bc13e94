//! A digest of a JSON Schema, by which two programs find out whether a type is the same in both.
//!
//! It is made of what a reader of the type cannot do without: documentation does not count, nor the
//! names of types, the order of fields, and fields that may be left out, unless the type denies
//! unknown ones. Platforms, builds and versions of Rust do not change it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What says nothing of what travels.
const SAYS_NOTHING: [&str; 11] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// Where a schema refers to the others of its document.
const SHARED: &str = "#/$defs/";

pub(super) fn of(schema: &Value) -> u32 {
    fnv1a(canonical(schema).as_bytes())
}

/// FNV-1a of 32 bits: short to write, and the same everywhere.
fn fnv1a(bytes: &[u8]) -> u32 {
    let add = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, add)
}

fn canonical(schema: &Value) -> String {
    let mut writer = Writer { text: String::new(), whole: schema, named: Vec::new() };
    writer.schema(schema);
    writer.text
}

struct Writer<'a> {
    text: String,
    whole: &'a Value,
    /// The shared schemas that were written, each in the place of its first use.
    named: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    fn schema(&mut self, schema: &'a Value) {
        let Value::Object(map) = schema else { return self.text.push_str(&schema.to_string()) };
        if let Some(constants) = constants(map) {
            return self.constants(&constants);
        }
        self.text.push('{');
        for (word, value) in telling(map) {
            match word {
                "$ref" => self.reference(value),
                "properties" => self.properties(map, value),
                "required" => self.sorted(word, value),
                "type" if value.is_array() => self.sorted(word, value),
                "oneOf" | "anyOf" => self.alternatives(word, value),
                "const" | "enum" => self.word(word, &value.to_string()),
                _ => {
                    self.text.push_str(word);
                    self.any(value);
                }
            }
        }
        self.text.push('}');
    }

    fn word(&mut self, word: &str, value: &str) {
        self.text.push_str(word);
        self.text.push_str(value);
        self.text.push(' ');
    }

    /// A schema, a list of them, or no schema at all.
    fn any(&mut self, value: &'a Value) {
        match value {
            Value::Array(several) => {
                self.text.push('[');
                several.iter().for_each(|one| self.any(one));
                self.text.push(']');
            }
            _ => self.schema(value),
        }
        self.text.push(' ');
    }

    /// A shared schema, which may refer to itself.
    fn reference(&mut self, value: &'a Value) {
        let name = value.as_str().and_then(|name| name.strip_prefix(SHARED));
        let shared = name.and_then(|name| Some((name, self.whole.get("$defs")?.get(name)?)));
        let Some((name, schema)) = shared else { return self.word("$ref", &value.to_string()) };
        match self.named.iter().position(|known| *known == name) {
            Some(place) => self.word("$ref", &place.to_string()),
            None => {
                self.named.push(name);
                self.schema(schema);
            }
        }
    }

    fn properties(&mut self, map: &'a Map<String, Value>, properties: &'a Value) {
        let Value::Object(properties) = properties else { return };
        let all = map.get("additionalProperties") == Some(&Value::Bool(false));
        let required: BTreeSet<&str> = texts(map.get("required")).collect();
        for (name, schema) in in_order(properties) {
            if all || required.contains(name) {
                self.word("property", &format!("{name:?}"));
                self.schema(schema);
            }
        }
    }

    fn sorted(&mut self, word: &str, value: &Value) {
        let names: BTreeSet<&str> = texts(Some(value)).collect();
        if !names.is_empty() {
            self.word(word, &format!("{names:?}"));
        }
    }

    /// Constants are the same as one list or each by itself, which is how documented ones come.
    fn alternatives(&mut self, word: &str, value: &'a Value) {
        let several: Vec<_> = value.as_array().into_iter().flatten().collect();
        let of = |one: &'a Value| one.as_object().and_then(constants);
        let all: BTreeSet<String> = several.iter().filter_map(|one| of(one)).flatten().collect();
        self.text.push_str(word);
        self.constants(&all);
        // In whichever order they are written. Each knows the names of those around it alone.
        let around = std::mem::take(&mut self.text);
        let mut texts = BTreeSet::new();
        let named = self.named.len();
        for one in several {
            if of(one).is_none() {
                self.schema(one);
                self.named.truncate(named);
                texts.insert(std::mem::take(&mut self.text));
            }
        }
        self.text = around;
        self.text.extend(texts);
    }

    fn constants(&mut self, constants: &BTreeSet<String>) {
        self.word("one of", &format!("{constants:?}"));
    }
}

/// The constants that are all that a schema allows.
fn constants(map: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let mut constants = BTreeSet::new();
    for (word, value) in telling(map) {
        match (word, value) {
            ("type", _) => {}
            ("const", one) => drop(constants.insert(one.to_string())),
            ("enum", Value::Array(several)) => {
                constants.extend(several.iter().map(ToString::to_string));
            }
            ("oneOf", Value::Array(several)) => {
                for one in several {
                    constants.extend(self::constants(one.as_object()?)?);
                }
            }
            _ => return None,
        }
    }
    (!constants.is_empty()).then_some(constants)
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn telling(map: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    in_order(map).filter(|(word, _)| !SAYS_NOTHING.contains(word))
}

/// By name, in whichever order they are kept.
fn in_order(map: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let mut entries: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value)).collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries.into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line() -> Value {
        json!({"title": "Line", "type": "object", "required": ["item", "count"], "properties": {
            "item": {"type": "string"},
            "count": {"type": "integer", "format": "uint32", "minimum": 0},
        }})
    }

    fn changed(change: impl FnOnce(&mut Value)) -> u32 {
        let mut line = line();
        change(&mut line);
        of(&line)
    }

    #[test]
    fn it_is_fnv_1a_and_no_build_changes_it() {
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
        assert_eq!(of(&json!({"type": "string"})), fnv1a(b"{type\"string\" }"));
    }

    #[test]
    fn what_no_reader_minds_does_not_count() {
        let same = of(&line());
        assert_eq!(changed(|line| line["title"] = json!("Row")), same);
        assert_eq!(changed(|line| line["description"] = json!("As on paper.")), same);
        assert_eq!(changed(|line| line["properties"]["item"]["description"] = json!("It.")), same);
        assert_eq!(changed(|line| line["required"] = json!(["count", "item"])), same);
        assert_eq!(changed(|line| line["properties"]["note"] = json!({"type": "string"})), same);
        let shared = json!({"$defs": {"Row": line(), "Unused": true}, "$ref": "#/$defs/Row"});
        let renamed = json!({"$ref": "#/$defs/Line", "$defs": {"Line": line()}});
        assert_eq!(of(&shared), of(&renamed));
    }

    #[test]
    fn what_a_reader_must_have_counts() {
        let same = of(&line());
        assert_ne!(changed(|line| line["properties"]["count"]["format"] = json!("int64")), same);
        assert_ne!(changed(|line| line["required"] = json!(["item"])), same);
        assert_ne!(changed(|line| line["additionalProperties"] = json!(false)), same);
        let strict = |note| {
            changed(|line| {
                line["additionalProperties"] = json!(false);
                line["properties"]["note"] = note;
            })
        };
        assert_ne!(strict(json!({"type": "string"})), strict(json!({"type": "null"})));
        // A field may be called as what says nothing of a schema.
        let titled =
            |ty: &str| json!({"required": ["title"], "properties": {"title": {"type": ty}}});
        assert_ne!(of(&titled("string")), of(&titled("integer")));
    }

    #[test]
    fn constants_are_the_same_in_any_order_with_or_without_documentation() {
        let plain = json!({"type": "string", "enum": ["Crate", "Loose"]});
        let turned = json!({"enum": ["Loose", "Crate"], "type": "string"});
        let told = json!({"oneOf": [
            {"type": "string", "enum": ["Loose"]},
            {"type": "string", "const": "Crate", "description": "Of wood."},
        ]});
        assert_eq!(of(&plain), of(&turned));
        assert_eq!(of(&plain), of(&told));
        assert_ne!(of(&plain), of(&json!({"type": "string", "enum": ["Crate"]})));
        let with = |first: Value, second: Value| {
            of(&json!({"oneOf": [first, second, {"type": "object", "required": ["Box"]}]}))
        };
        let (a, b) = (json!({"const": "A"}), json!({"const": "B"}));
        assert_eq!(with(a.clone(), b.clone()), with(b, a.clone()));
        assert_ne!(with(a.clone(), json!({"const": "C"})), with(a, json!({"const": "B"})));
    }

    #[test]
    fn alternatives_with_data_are_the_same_in_any_order() {
        let card = json!({"required": ["Card"], "properties": {"Card": {"type": "string"}}});
        let cash = json!({"required": ["Cash"], "properties": {"Cash": {"type": "integer"}}});
        let either = |first: &Value, second: &Value| of(&json!({"oneOf": [first, second]}));
        assert_eq!(either(&card, &cash), either(&cash, &card));
        assert_ne!(either(&card, &cash), of(&json!({"oneOf": [card]})));
    }

    #[test]
    fn a_type_that_holds_itself_has_a_digest_and_one_that_holds_another_has_another() {
        let tree = |of: &str| {
            json!({"$defs": {"Tree": {"required": ["next"], "properties": {
                "next": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": of}]},
            }}}, "$ref": "#/$defs/Tree"})
        };
        assert_eq!(of(&tree("null")), of(&tree("null")));
        assert_ne!(of(&tree("null")), of(&tree("string")));
    }
}
