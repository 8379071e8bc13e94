use postage_core::prelude::*;

#[message_handler]
async fn place(quantity: u32) {
    let _ = quantity;
}

fn elsewhere() {
    let _ = place(1);
}

fn main() {}
