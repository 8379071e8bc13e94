//! Maps by ids that this program makes itself, by counting or at random: they need no hashing that
//! resists one who chooses them. What others send is only looked up in these.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type ByOwnId<K, V> = HashMap<K, V, BuildHasherDefault<OwnId>>;

/// Spreads numbers that may follow one another over all bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnId(u64);

/// 2^64 by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for OwnId {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        let number = (self.0 ^ number).wrapping_mul(SPREAD);
        self.0 = number ^ (number >> 32);
    }

    fn write_u128(&mut self, number: u128) {
        let [low, high] = [number, number >> 64].map(|half| half & u128::from(u64::MAX));
        self.write_u64(u64::try_from(low).unwrap_or_default());
        self.write_u64(u64::try_from(high).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn numbers_that_follow_one_another_are_spread() {
        let hash = |number: u64| BuildHasherDefault::<OwnId>::default().hash_one(number);
        // A map looks at the lowest bits for the place, and at the seven highest to tell apart.
        let lowest: HashSet<_> = (0..1024).map(|number| hash(number) % 4096).collect();
        let highest: HashSet<_> = (0..1024).map(|number| hash(number) >> 57).collect();
        assert!(lowest.len() > 800, "{}", lowest.len());
        assert_eq!(highest.len(), 128);
    }
}
