use postage_core::prelude::*;

#[exchange(name = "orders")]
struct Orders<const N: usize>;

fn main() {}
