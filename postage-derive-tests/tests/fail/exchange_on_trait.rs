use postage_core::prelude::*;

#[exchange(name = "orders")]
trait Orders {}

fn main() {}
