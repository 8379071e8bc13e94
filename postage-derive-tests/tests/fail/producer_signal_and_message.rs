use postage_core::prelude::*;

#[exchange(name = "clocks", kind = "fanout")]
pub struct Clocks;

#[producer(exchange = Clocks, key = "")]
pub trait Clock {
    #[signal(ttl = "2s")]
    #[message]
    async fn tick(&self, time: u32);
}

async fn example(clock: ClockProducer) {
    drop(clock.tick(1).await);
}

fn main() {}
