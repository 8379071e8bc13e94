//! Services of many handlers: each is reached, and no other in its stead.

use postage_core::CallFault;
use postage_core::prelude::*;

use crate::world::{Anywhere, World, within};

/// A contract and a service of the methods given, with handlers of its own beside them. Some of
/// each are left out by a condition, so that those behind them have other places than written.
macro_rules! many {
    ($($early:ident $number:literal)* | $($late:ident $place:literal)*) => {
        #[producer(exchange = Anywhere, key = "anywhere")]
        trait Many {
            $(#[rpc]
            async fn $early(&self, add: u32) -> u32;)*
            #[cfg(any())]
            #[rpc]
            async fn left_out(&self, add: u32) -> u32;
            $(#[rpc]
            async fn $late(&self, add: u32) -> u32;)*
        }

        struct Service;

        #[message_processor]
        impl Many for Service {
            // Not in the contract's order.
            $(async fn $late(&self, add: u32) -> u32 {
                $place + add
            })*
            #[cfg(any())]
            async fn left_out(&self, add: u32) -> u32 {
                add
            }
            $(async fn $early(&self, add: u32) -> u32 {
                $number + add
            })*
        }

        struct Alone;

        #[message_processor]
        impl Alone {
            $(#[rpc_handler]
            async fn $early(&self, add: u32) -> u32 {
                $number + add
            })*
            #[cfg(any())]
            #[rpc_handler]
            async fn left_out(&self, add: u32) -> u32 {
                add
            }
            $(#[rpc_handler]
            async fn $late(&self, add: u32) -> u32 {
                $place + add
            })*
        }

        const NUMBERS: &[(&str, u32)] =
            &[$((stringify!($early), $number),)* $((stringify!($late), $place),)*];

        /// What the typed client is answered, method by method.
        async fn answers(client: &ManyProducer) -> Vec<Result<u32, CallFault>> {
            vec![$(client.$early(1).await,)* $(client.$late(1).await,)*]
        }
    };
}

many! {
    a0 0 a1 1 a2 2 a3 3 a4 4 a5 5 a6 6 a7 7 a8 8 a9 9 b0 10 b1 11 b2 12 b3 13 b4 14 b5 15 b6 16
    b7 17 b8 18 b9 19 |
    c0 20 c1 21 c2 22 c3 23 c4 24 c5 25 c6 26 c7 27 c8 28 c9 29 d0 30 d1 31 d2 32 d3 33 d4 34 d5 35
    d6 36 d7 37 d8 38 d9 39 e0 40 e1 41 e2 42 e3 43 e4 44 e5 45 e6 46 e7 47 e8 48 e9 49
}

on_every_broker! {
    each_of_many_methods_is_reached_by_the_contracts_client,
    each_of_many_handlers_is_reached_by_its_name_and_no_other,
}

async fn each_of_many_methods_is_reached_by_the_contracts_client(world: World) {
    let broker = world.broker().await;
    let place = world.place("many");
    let _serving = place.serve(&broker, Service).await;
    let client = ManyProducer::new(&broker, Fingerprint::new("many", "client"));
    let client = client.with(|producer| producer.eks(place.eks()));
    let answers = within("the answers", answers(&client)).await;
    for ((name, number), answer) in NUMBERS.iter().zip(answers) {
        assert_eq!(answer.unwrap(), number + 1, "{name}");
    }
}

async fn each_of_many_handlers_is_reached_by_its_name_and_no_other(world: World) {
    let broker = world.broker().await;
    let place = world.place("alone");
    let _serving = place.serve(&broker, Alone).await;
    let producer = place.producer(&broker);
    for (name, number) in NUMBERS {
        let call = producer.rpc::<u32>(*name, serde_json::json!({ "add": 1 }));
        assert_eq!(within("an answer", call.into_future()).await.unwrap(), number + 1, "{name}");
    }
    for unknown in ["left_out", "f0"] {
        let call = producer.rpc::<u32>(unknown, serde_json::json!({ "add": 1 }));
        let refused = within("an answer", call.into_future()).await.unwrap_err();
        assert!(refused.to_string().contains(unknown), "{refused}");
    }
}
