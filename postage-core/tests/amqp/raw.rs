//! A peer that writes its frames by hand, and may write what no client library would.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const CHANNEL: u16 = 1;

/// A connection with one channel. Blocks, for ten seconds at most.
pub(crate) struct RawPeer(TcpStream);

impl RawPeer {
    /// Logs in at `amqp://user:password@host:port`, with the virtual host `/`.
    pub(crate) fn connect(url: &str) -> Self {
        let (login, host) = url.trim_start_matches("amqp://").split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let host = host.split('/').next().unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut peer = Self(stream);
        peer.0.write_all(b"AMQP\x00\x00\x09\x01").unwrap();
        peer.expect(10, 10); // start
        let secret = format!("\0{user}\0{password}");
        let start_ok = [&long(b""), &short(b"PLAIN"), &long(secret.as_bytes()), &short(b"en_US")];
        peer.method(0, 10, 11, &start_ok.map(Vec::as_slice).concat());
        peer.expect(10, 30); // tune
        peer.method(
            0,
            10,
            31,
            &[&CHANNEL.to_be_bytes()[..], &131_072_u32.to_be_bytes(), &[0; 2]].concat(),
        );
        peer.method(0, 10, 40, b"\x01/\0\0"); // open
        peer.expect(10, 41);
        peer.method(CHANNEL, 20, 10, b"\0"); // channel.open
        peer.expect(20, 11);
        peer
    }

    /// Publishes, with these property flags and properties as they are on the wire.
    pub(crate) fn publish(
        &mut self,
        exchange: &[u8],
        key: &[u8],
        flags: u16,
        properties: &[u8],
        body: &[u8],
    ) {
        self.method(CHANNEL, 60, 40, &[b"\0\0", &short(exchange)[..], &short(key), b"\0"].concat());
        let size = u64::try_from(body.len()).unwrap().to_be_bytes();
        let header = [b"\0\x3c\0\0", &size[..], &flags.to_be_bytes(), properties].concat();
        self.frame(HEADER, CHANNEL, &header);
        self.frame(BODY, CHANNEL, body);
    }

    /// Closes the channel, and so knows that the broker took what was published before.
    pub(crate) fn close(mut self) {
        self.method(CHANNEL, 20, 40, b"\0\xc8\0\0\0\0\0");
        self.expect(20, 41);
    }

    fn method(&mut self, channel: u16, class: u8, method: u8, arguments: &[u8]) {
        self.frame(METHOD, channel, &[&[0, class, 0, method], arguments].concat());
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let channel = channel.to_be_bytes();
        let frame = [&[kind], &channel[..], &long(payload), &[0xCE]].concat();
        self.0.write_all(&frame).unwrap();
    }

    fn expect(&mut self, class: u8, method: u8) {
        let mut head = [0; 7];
        self.0.read_exact(&mut head).unwrap();
        let size = u32::from_be_bytes(head[3..].try_into().unwrap());
        let mut payload = vec![0; usize::try_from(size).unwrap() + 1];
        self.0.read_exact(&mut payload).unwrap();
        let text = String::from_utf8_lossy(&payload);
        assert_eq!(payload[..4], [0, class, 0, method], "the broker says: {text}");
    }
}

/// Bytes after their length in one byte.
pub(crate) fn short(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// Bytes after their length in four bytes.
pub(crate) fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}
