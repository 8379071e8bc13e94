use postage_core::prelude::*;

#[rpc_handler]
#[derive(serde::Deserialize)]
enum Sweep {
    Aisle(u32),
}

fn main() {}
