use postage_core::prelude::*;

struct Line;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, lines: Option<&'static [Line]>) -> usize {
        lines.map_or(0, <[Line]>::len)
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(None);
    let _ = broker.serve(Desk);
}

fn main() {}
