use postage_core::prelude::*;

#[exchange(name = "orders")]
enum Orders {
    Placed,
}

fn main() {}
