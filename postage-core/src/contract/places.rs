//! Where names stand in a list, for constants: who looks for each of a thousand methods does not look at
//! all of them each time, which would take the compiler longer than all the rest.
//!
//! A name's place is in the slot that its hash says, or in the next free one behind it.

use std::fmt;

use super::Method;
use crate::topology::routing::same_text;

/// How many slots so many names have: some always stay free.
#[must_use]
pub const fn slots(names: usize) -> usize {
    2 * names + 1
}

/// The places of methods by their names in Rust, counted from 1. A free slot is 0.
#[must_use]
pub const fn places<const SLOTS: usize>(methods: &[Method]) -> [usize; SLOTS] {
    let mut places = [0; SLOTS];
    let mut index = 0;
    while index < methods.len() {
        let mut slot = hash(methods[index].method()) % SLOTS;
        while places[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        places[slot] = index + 1;
        index += 1;
    }
    places
}

/// What [`places`] made, where anything has. It says nothing to people.
#[derive(Clone, Copy)]
pub(super) struct Places(pub(super) &'static [usize]);

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// The place of the method of this name, counted from 0.
pub(super) const fn find(methods: &[Method], places: &[usize], name: &str) -> Option<usize> {
    if places.is_empty() {
        return None;
    }
    let mut slot = hash(name) % places.len();
    while places[slot] != 0 {
        let index = places[slot] - 1;
        if same_text(methods[index].method(), name) {
            return Some(index);
        }
        slot = (slot + 1) % places.len();
    }
    None
}

/// FNV-1a.
#[allow(clippy::cast_lossless, reason = "`From` is not for constants")]
pub(crate) const fn hash(name: &str) -> usize {
    let bytes = name.as_bytes();
    let mut hash: u32 = 0x811c_9dc5;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_found_and_no_other() {
        const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];
        let methods = NAMES.map(|name| Method::message("command", name, name, &[]));
        // With the fewest slots that there may be, names share one.
        for places in [&places::<{ slots(5) }>(&methods)[..], &places::<6>(&methods)[..]] {
            for (place, name) in NAMES.into_iter().enumerate() {
                assert_eq!(find(&methods, places, name), Some(place));
            }
            for name in ["", "on", "six", "seven", "eight", "nine", "ten"] {
                assert_eq!(find(&methods, places, name), None);
            }
        }
        assert_eq!(find(&[], &places::<{ slots(0) }>(&[]), "one"), None);
    }
}
