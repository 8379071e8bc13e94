//! A peer written to the wire sheet without our code, on both sides of RabbitMQ: `caller.py` asks
//! a service of ours, `server.py` is asked by a client of ours and behaves as Python Postage. So do
//! `app_operator.py` and `application.py` with applications.
//!
//! They need a broker at `POSTAGE_TEST_AMQP_URL` and a Python with `pika` at
//! `POSTAGE_TEST_PYTHON`; without them they fail.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod applications;
mod calling;
mod demo;
mod malformed_replies;
mod python;
mod retrying;
mod serving;
mod studio;
mod telling;
mod unreadable;
mod versions;
mod world;
