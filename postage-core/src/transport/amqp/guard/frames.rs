//! Follows the frames of a stream that arrives in pieces.

use std::io;

use super::check;

/// Type, channel and size.
const HEAD: usize = 7;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// The broker's answer to a protocol version that it does not speak: `AMQP` and its own version.
const OTHER_VERSION: u8 = b'A';
const OTHER_VERSION_SIZE: usize = 8;
const FRAME_END: u8 = 0xCE;

/// No frame that is held until it is whole is larger. A broker's are at most 128 KiB.
const LARGEST: usize = 1024 * 1024;
/// No part of a body is larger: where a broker is told to cut none, it is as large as a message, of
/// which RabbitMQ allows 512 MiB at most, and 128 MiB unless told otherwise.
const LARGEST_BODY: usize = 512 * 1024 * 1024;

/// Where in the stream we are.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a frame whose rest has not come yet.
    held: Vec<u8>,
    /// A frame that was held, from `given` on still to be given on.
    ready: Vec<u8>,
    given: usize,
    /// How much of the frame now passing is still to come; it is not looked at.
    passing: usize,
}

impl Frames {
    /// Moves what it can from `input` to `output`; how much it took, and how much it gave. When it
    /// gives nothing, it has taken all.
    ///
    /// # Errors
    /// When this is not AMQP, or nothing that a broker sends. What came before it passes first: the
    /// error comes with the next call.
    pub(super) fn pass(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<(usize, usize)> {
        let (mut taken, mut given) = (0, 0);
        loop {
            let (rest, room) = (&input[taken..], &mut output[given..]);
            if room.is_empty() {
                break;
            }
            if self.given < self.ready.len() {
                let count = copy(&self.ready[self.given..], room);
                self.given += count;
                given += count;
            } else if rest.is_empty() {
                break;
            } else if self.passing > 0 {
                let bounded = &rest[..rest.len().min(self.passing)];
                let count = copy(bounded, room);
                self.passing -= count;
                taken += count;
                given += count;
            } else {
                match self.gather(rest) {
                    Ok(count) => taken += count,
                    Err(_) if given > 0 => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((taken, given))
    }

    /// Takes what is missing of the frame that has begun; how much that is.
    fn gather(&mut self, input: &[u8]) -> io::Result<usize> {
        let mut taken = self.hold(input, HEAD);
        if self.held.len() < HEAD {
            return Ok(taken);
        }
        let size = self.held[3..HEAD].iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
        match self.held[0] {
            METHOD | HEADER if size > LARGEST => {
                return Err(not_amqp(format_args!("a frame of {size} bytes")));
            }
            BODY if size > LARGEST_BODY => {
                return Err(not_amqp(format_args!("a part of a body of {size} bytes")));
            }
            METHOD | HEADER => {
                taken += self.hold(&input[taken..], HEAD + size + 1);
                if self.held.len() == HEAD + size + 1 {
                    self.inspect()?;
                    self.give_on();
                }
            }
            BODY | HEARTBEAT => {
                self.passing = size + 1;
                self.give_on();
            }
            OTHER_VERSION => {
                self.passing = OTHER_VERSION_SIZE - HEAD;
                self.give_on();
            }
            kind => return Err(not_amqp(format_args!("a frame of type {kind}"))),
        }
        Ok(taken)
    }

    /// Holds as much of `input` as is missing to `wanted`; how much that is.
    fn hold(&mut self, input: &[u8], wanted: usize) -> usize {
        let missing = wanted.saturating_sub(self.held.len());
        let piece = &input[..missing.min(input.len())];
        self.held.extend_from_slice(piece);
        piece.len()
    }

    fn give_on(&mut self) {
        // Both keep their memory.
        std::mem::swap(&mut self.held, &mut self.ready);
        self.held.clear();
        self.given = 0;
    }

    /// Looks at the frame that is held, and changes it where lapin could not read it.
    fn inspect(&mut self) -> io::Result<()> {
        if self.held.last() != Some(&FRAME_END) {
            return Err(not_amqp(format_args!("a frame without its end")));
        }
        let end = self.held.len() - 1;
        if self.held[0] == METHOD {
            return match check::method(&mut self.held[HEAD..end]) {
                Some(()) => Ok(()),
                None => Err(not_amqp(format_args!(
                    "a method that is cut short, too deep, or a client's"
                ))),
            };
        }
        if !check::header_is_readable(&self.held[HEAD..end]) {
            let bytes = self.held.len();
            tracing::warn!(bytes, "a message came with properties that cannot be read");
            let header = check::replaced(&self.held[HEAD..end])
                .ok_or_else(|| not_amqp(format_args!("a header that is cut short")))?;
            let size = u32::try_from(header.len()).map_err(io::Error::other)?;
            self.held.truncate(HEAD - 4);
            self.held.extend_from_slice(&size.to_be_bytes());
            self.held.extend_from_slice(&header);
            self.held.push(FRAME_END);
        }
        Ok(())
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    to[..count].copy_from_slice(&from[..count]);
    count
}

fn not_amqp(what: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the broker sent {what}"))
}
