use postage_core::prelude::*;

#[rpc_handler]
#[derive(serde::Deserialize)]
struct Sweep<T> {
    aisle: T,
}

fn main() {}
