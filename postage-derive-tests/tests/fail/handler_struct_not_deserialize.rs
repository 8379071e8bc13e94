use postage_core::prelude::*;

#[rpc_handler]
struct Sweep {
    aisle: u32,
}

struct Desk;

impl Handle<Desk> for Sweep {
    type Value = u32;
    type Error = String;

    async fn handle(self, _: &Desk, _: &Context) -> Result<u32, String> {
        Ok(1)
    }
}

#[message_processor(queue = "desk", handlers(Sweep))]
impl Desk {}

fn main() {}
