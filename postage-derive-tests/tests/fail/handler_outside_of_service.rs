use postage_core::prelude::*;

struct Desk;

impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(desk: &Desk) {
    let _ = desk.place(1);
}

fn main() {}
