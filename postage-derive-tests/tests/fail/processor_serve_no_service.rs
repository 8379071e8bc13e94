use postage_core::prelude::*;

struct Desk;

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
