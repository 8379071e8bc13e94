//! Spans, and the trace context that messages carry, as an exporter of OpenTelemetry sees them: over
//! RabbitMQ, at `POSTAGE_TEST_AMQP_URL`, and in memory.
//!
//! A process has one subscriber, so these tests have a program of their own.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod context;
mod fields;
mod layers;
mod services;
mod spans;
mod traces;
mod world;
