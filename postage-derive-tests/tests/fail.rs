//! One mistake for each file in `fail/`: the message beside it says what, where, and the way out.
//!
//! `TRYBUILD=overwrite cargo test -p postage-derive-tests --test fail` writes the messages anew.

#[test]
fn every_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
