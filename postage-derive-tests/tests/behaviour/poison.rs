//! A poison message beside a thousand good ones.

use std::time::Duration;

use futures_util::future::join_all;
use postage_core::prelude::*;
use postage_core::{DeadLetters, Retry};
use serde_json::json;

use crate::world::{DEADLINE, Voice, World, left_in, line, within};

const GOOD: u64 = 1000;
const POISON: u64 = 500;
const ATTEMPTS: u32 = 4;

struct Taster {
    voice: Voice,
}

#[message_processor]
impl Taster {
    #[message_handler]
    async fn taste(&self, number: u64) -> Result<(), String> {
        self.voice.say(number.to_string());
        if number == POISON { Err("bitter".to_owned()) } else { Ok(()) }
    }
}

on_every_broker! {
    the_good_ones_are_done_once_and_the_poison_is_a_dead_letter_after_its_attempts,
}

async fn the_good_ones_are_done_once_and_the_poison_is_a_dead_letter_after_its_attempts(
    world: World,
) {
    let broker = world.broker().await;
    let place = world.place("taster");
    let (voice, mut ear) = line();
    let retry = Retry::new(ATTEMPTS).first_pause(Duration::from_millis(10));
    let serving = place.serve_with(&broker, Taster { voice }, |serve| serve.retry(retry)).await;
    let producer = place.producer(&broker);
    let sent = (0..=GOOD).map(|number| producer.command("taste", json!({ "number": number })));
    for sent in within("the confirms", join_all(sent)).await {
        sent.expect("it is taken");
    }
    let mut tasted = Vec::new();
    while tasted.len() < GOOD as usize + ATTEMPTS as usize {
        tasted.push(ear.hears().await.parse::<u64>().unwrap());
    }
    let mut letters = DeadLetters::open(&broker, place.dead.name().to_owned()).await.unwrap();
    let letter = within("the letter", letters.next()).await.unwrap().unwrap();
    assert_eq!((letter.error(), letter.handler()), (Some("bitter"), Some("taste")));
    assert_eq!(letter.failures(), ATTEMPTS);
    letter.discard().await.unwrap();

    within("the drain", serving.drain(DEADLINE)).await;
    assert_eq!(ear.rest(), [""; 0]);
    tasted.sort_unstable();
    let of_poison = tasted.iter().filter(|number| **number == POISON).count();
    assert_eq!(of_poison, ATTEMPTS as usize);
    tasted.dedup();
    assert_eq!(tasted, (0..=GOOD).collect::<Vec<_>>());
    drop(letters);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}
