//! The properties of a message, as they come off the socket: through the guard, our reading, and to a
//! service.
//!
//! What the guard lets through can be read, and is read as lapin reads it; the guard lets through what
//! lapin can read; our properties are the same when they are sent and read again, and lapin writes the
//! same; the message is settled once.

#![no_main]

use amq_protocol::frame::{AMQPFrame, parse_frame};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use postage_core::__fuzzing::{
    DEEPEST, UNREADABLE, guarded, read, read_by_lapin, write, written_by_lapin,
};
use postage_core::transport::{Properties, Settlement};
use postage_fuzz::{Pieces, World, read_through};

const BODY: &[u8] = br#"{"type":"command","name":"place","category":"rpc","content":{"parameters":{"item":"anvil","quantity":2}}}"#;

/// Class 60, weight 0, and a body of 5 bytes.
const BEFORE_FLAGS: &[u8] = &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];

thread_local! {
    static WORLD: World = World::new();
}

fuzz_target!(|input: &[u8]| {
    let passed = through_the_guard(input);
    let properties = read(&passed).expect("what the guard lets through can be read");
    let unreadable = properties.content_type.as_deref() == Some(UNREADABLE);
    // Deeper nesting is not for lapin to try.
    let nested = input.iter().filter(|byte| matches!(byte, b'A' | b'F')).count();
    if nested < DEEPEST {
        match read_by_lapin(input) {
            // By their texts, in which what is no number is itself.
            Some(by_lapin) => assert_eq!(format!("{properties:?}"), format!("{by_lapin:?}")),
            None => assert!(unreadable),
        }
    }
    check_sent_again(&properties);
    let handled = WORLD.with(|world| world.handle(properties, Bytes::from_static(BODY)));
    assert_eq!(handled.settlement, Settlement::Ack);
});

/// What the guard lets through of a content header with these flags and properties.
fn through_the_guard(properties: &[u8]) -> Vec<u8> {
    let size = u32::try_from(BEFORE_FLAGS.len() + properties.len()).expect("a length");
    let frame = [&[2, 0, 1], &size.to_be_bytes()[..], BEFORE_FLAGS, properties, &[0xCE]].concat();
    let passed = read_through(guarded(Pieces::new(&frame, [frame.len(), 1])), frame.len() + 64);
    assert!(passed.error.is_none(), "{:?}", passed.error);
    match parse_frame(&passed.bytes[..]) {
        // Two bytes of flags are part of every header.
        Ok((rest, AMQPFrame::Header(1, _))) => assert!(rest.is_empty()),
        parsed => panic!("{parsed:?}"),
    }
    let (head, end) = (7 + BEFORE_FLAGS.len(), passed.bytes.len() - 1);
    passed.bytes[head..end].to_vec()
}

fn check_sent_again(properties: &Properties) {
    let mut properties = properties.clone();
    // More than some 49 days count as no limit.
    let longest = std::time::Duration::from_millis(u32::MAX.into());
    properties.expiration = properties.expiration.filter(|expiration| *expiration <= longest);
    let written = match write(&properties) {
        Ok(written) => written,
        // Small numbers take more room in our writing.
        Err(reason) => return assert!(reason.contains("bytes, and at most"), "{reason}"),
    };
    assert_eq!(written_by_lapin(&properties).as_ref(), Ok(&written));
    let again = read(&through_the_guard(&written)).expect("it can be read");
    assert_eq!(format!("{again:?}"), format!("{properties:?}"));
}
