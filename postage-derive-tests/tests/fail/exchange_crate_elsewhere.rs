use postage_core::prelude::*;

#[exchange(name = "orders", crate = shop)]
struct Orders;

fn main() {}
