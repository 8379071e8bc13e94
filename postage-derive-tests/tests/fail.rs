//! One mistake for each file in `fail/`: the message beside it says what, where, and the way out.
//!
//! A file's name starts with the macro that its mistake is about. Most files use the mistaken item
//! elsewhere, implement the trait, call the client, serve the type: the one message shows that the
//! item survived the mistake.
//!
//! The messages are those of Rust 1.95, which continuous integration pins; another version words
//! some of them otherwise. To write them anew, and then read what changed:
//! `TRYBUILD=overwrite cargo test -p postage-derive-tests --test fail`.

use std::fs;
use std::path::Path;

#[test]
fn every_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}

/// Files with more than one message, and why.
const SEVERAL: [(&str, usize); 8] = [
    // As many mistakes.
    ("producer_many_mistakes", 9),
    ("processor_many_mistakes", 6),
    // At the first and at the second.
    ("processor_two_rpc_handlers", 2),
    // Neither a handler nor told what to do.
    ("processor_struct_is_no_handler", 2),
    // A contract is a trait and a constant, and neither is there.
    ("processor_contract_unknown", 2),
    ("processor_contract_is_no_contract", 2),
    // The method is another than the contract's, and so is what the contract decodes for it.
    ("processor_contract_in_context_of_other_type", 2),
    // What the alias stands for is not to be seen, nor so what the method returns.
    ("processor_contract_reply_alias", 2),
];

#[test]
fn a_mistake_makes_one_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fail");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("the folder of the cases") {
        let path = entry.expect("an entry of the folder").path();
        if path.extension().is_none_or(|extension| extension != "stderr") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in Unicode");
        let text = fs::read_to_string(&path).expect("a text");
        let messages = text.lines().filter(|line| is_message(line)).count();
        let several = SEVERAL.iter().find(|(several, _)| *several == name);
        assert_eq!(messages, several.map_or(1, |(_, count)| *count), "{name}:\n{text}");
        seen += 1;
    }
    assert!(seen > 200, "only {seen} cases");
}

fn is_message(line: &str) -> bool {
    line.starts_with("error") || line.starts_with("warning")
}
