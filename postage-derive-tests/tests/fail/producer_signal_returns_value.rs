use postage_core::prelude::*;

#[exchange(name = "clocks", kind = "fanout")]
pub struct Clocks;

#[producer(exchange = Clocks, key = "")]
pub trait Clock {
    #[signal(ttl = "2s")]
    async fn tick(&self, time: u32) -> u32;
}

fn main() {}
