//! The properties of a message, as they come off the socket: through the guard, lapin's parser and
//! our conversion, and to a service.
//!
//! Lapin can read what the guard lets through, and the guard lets through what lapin can read; our
//! properties are the same when they are sent and read again; the message is settled once.

#![no_main]

use amq_protocol::frame::{AMQPFrame, parse_frame};
use amq_protocol::protocol::basic::{AMQPProperties, gen_properties, parse_properties};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use postage_core::__fuzzing::{DEEPEST, UNREADABLE, from_basic, guarded, to_basic};
use postage_core::transport::{Properties, Settlement};
use postage_fuzz::{Pieces, World, read_through};

const BODY: &[u8] = br#"{"type":"command","name":"place","category":"rpc","content":{"parameters":{"item":"anvil","quantity":2}}}"#;

/// Class 60, weight 0, and a body of 5 bytes.
const BEFORE_FLAGS: &[u8] = &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];

thread_local! {
    static WORLD: World = World::new();
}

fuzz_target!(|input: &[u8]| {
    let basic = through_the_guard(input);
    let unreadable = basic.content_type().as_ref().is_some_and(|it| it.as_str() == UNREADABLE);
    // Deeper nesting is not for lapin to try.
    let nested = input.iter().filter(|byte| matches!(byte, b'A' | b'F')).count();
    if nested < DEEPEST {
        let read = parse_properties(input).ok().filter(|(rest, _)| rest.is_empty());
        match read {
            Some((_, read)) => assert_eq!(format!("{read:?}"), format!("{basic:?}")),
            None => assert!(unreadable),
        }
    }
    let properties = from_basic(&basic);
    check_sent_again(&properties);
    let handled = WORLD.with(|world| world.handle(properties, Bytes::from_static(BODY)));
    assert_eq!(handled.settlement, Settlement::Ack);
});

/// What lapin reads of a content header with these flags and properties.
fn through_the_guard(properties: &[u8]) -> AMQPProperties {
    let size = u32::try_from(BEFORE_FLAGS.len() + properties.len()).expect("a length");
    let frame = [&[2, 0, 1], &size.to_be_bytes()[..], BEFORE_FLAGS, properties, &[0xCE]].concat();
    let passed = read_through(guarded(Pieces::new(&frame, [frame.len(), 1])), frame.len() + 64);
    match (parse_frame(&passed.bytes[..]), passed.error) {
        (Ok((rest, AMQPFrame::Header(1, header))), None) => {
            assert!(rest.is_empty());
            header.properties
        }
        // Two bytes of flags are part of every header.
        (parsed, error) => panic!("{parsed:?}, {error:?}"),
    }
}

fn check_sent_again(properties: &Properties) {
    let mut properties = properties.clone();
    // More than some 49 days count as no limit.
    let longest = std::time::Duration::from_millis(u32::MAX.into());
    properties.expiration = properties.expiration.filter(|expiration| *expiration <= longest);
    let basic = match to_basic(&properties) {
        Ok(basic) => basic,
        // Small numbers take more room in our writing.
        Err(reason) => return assert!(reason.contains("bytes, and at most"), "{reason}"),
    };
    let written = gen_properties(&basic)(Vec::new().into()).expect("it can be written");
    let (written, _) = written.into_inner();
    let again = from_basic(&through_the_guard(&written));
    // By their texts, in which what is no number is itself.
    assert_eq!(format!("{again:?}"), format!("{properties:?}"));
}
