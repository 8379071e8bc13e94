use postage_core::prelude::*;

#[reply_handler("place")]
struct Placed {
    order: u64,
}

fn main() {
    drop(Placed { order: 1 }.order);
}
