//! What annotated services and generated clients do, case by case, in memory and on RabbitMQ.
//!
//! The RabbitMQ half needs a broker at `POSTAGE_TEST_AMQP_URL`; without one it fails.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

/// Makes a test of each case for each transport.
macro_rules! on_every_broker {
    ($($case:ident,)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::world::World::memory()).await;
            })*
        }

        mod rabbitmq {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::world::World::rabbitmq()).await;
            })*
        }
    };
}

mod applications;
mod arguments;
mod bodies;
mod cancelling;
mod changes;
mod commands;
mod dead_letters;
mod debugging;
mod direct;
mod draining;
mod early;
mod elsewhere;
mod exceptions;
mod failing;
mod filters;
mod futures;
mod handling;
mod kept;
mod layers;
mod limits;
mod long_calls;
mod many;
mod once;
mod outcomes;
mod poison;
mod properties;
mod python;
mod retrying;
mod routes;
mod settings;
mod signals;
mod stopping;
mod structs;
mod tickets;
mod topology;
mod untold;
mod untyped;
mod versions;
mod world;
