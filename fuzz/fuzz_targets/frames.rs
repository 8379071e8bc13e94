//! What comes off the socket, cut into any pieces, through the guard and then to those who carry
//! messages, or to lapin's parser.
//!
//! What the guard lets through does not depend on the pieces, passes another guard unchanged, and
//! ends no connection by a message's properties; lapin's parser survives it. Which messages come, what
//! is said of publications and what is left to lapin does not depend on the pieces either.

#![no_main]

use amq_protocol::frame::{AMQPFrame, parse_frame};
use amq_protocol::protocol::{AMQPClass, basic, connection, exchange, queue};
use libfuzzer_sys::fuzz_target;
use postage_core::__fuzzing::{carried, guarded};
use postage_fuzz::{Pieces, read_through};

const HEAD: usize = 7;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const OTHER_VERSION: u8 = b'A';

fuzz_target!(|input: &[u8]| {
    // How large the pieces are that come, in turn, and the room for what goes out.
    let Some((sizes, stream)) = input.split_first_chunk::<4>() else { return };
    let [first, second, room, more] = sizes.map(usize::from);
    let whole = read_through(guarded(Pieces::new(stream, [stream.len(), 1])), stream.len() + 64);
    let cut = read_through(guarded(Pieces::new(stream, [first, second * 16])), room + more * 256);
    assert_eq!(cut, whole);

    let passed = &whole.bytes[..];
    let again = read_through(guarded(Pieces::new(passed, [passed.len(), 1])), passed.len() + 64);
    assert_eq!((&again.bytes[..], &again.error), (passed, &None));
    parse(passed);

    let carried_whole = carried(Pieces::new(stream, [stream.len(), 1]));
    assert_eq!(carried(Pieces::new(stream, [first, second * 16])), carried_whole);
});

/// Has lapin's parser read all frames.
fn parse(mut stream: &[u8]) {
    while let Some(head) = stream.first_chunk::<HEAD>() {
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let end = match head[0] {
            OTHER_VERSION => HEAD + 1,
            _ => HEAD + usize::try_from(size).expect("a length") + 1,
        };
        let Some((frame, rest)) = stream.split_at_checked(end) else { return };
        match head[0] {
            HEADER => drop(parse_frame(frame).expect("lapin can read a header that passed")),
            METHOD => check_method(parse_frame(frame).ok().map(|(_, frame)| frame)),
            _ => {}
        }
        stream = rest;
    }
}

/// Of the methods with a table, which lapin reads to any depth, only the one that a broker sends
/// passes: its table was looked at.
fn check_method(method: Option<AMQPFrame>) {
    use basic::AMQPMethod::Consume;
    use connection::AMQPMethod::StartOk;
    use {exchange::AMQPMethod as OfExchange, queue::AMQPMethod as OfQueue};
    let Some(AMQPFrame::Method(_, method)) = method else { return };
    let is_a_clients = matches!(
        &method,
        AMQPClass::Connection(StartOk(_))
            | AMQPClass::Basic(Consume(_))
            | AMQPClass::Exchange(
                OfExchange::Declare(_) | OfExchange::Bind(_) | OfExchange::Unbind(_)
            )
            | AMQPClass::Queue(OfQueue::Declare(_) | OfQueue::Bind(_) | OfQueue::Unbind(_))
    );
    assert!(!is_a_clients, "{method:?}");
}
