use postage_core::prelude::*;

#[exchange(name = "orders")]
struct Orders {
    name: &'static str,
}

const ORDERS: Orders = Orders { name: "orders" };
const ROUTE: Exchange = Orders::ROUTE;

fn main() {}
