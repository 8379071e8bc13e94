use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
const LONGEST_ANSWER: usize = 16 * 1024;

/// The version of the server behind the port; an error when no AMQP server answers there.
pub(crate) fn server_version(port: u16, patience: Duration) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(PROTOCOL_HEADER)?;

    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    if head[0] != 1 || length > LONGEST_ANSWER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not connection.start"));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    version_in(&payload).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "connection.start names no server version")
    })
}

/// The long string under `version` in the server's properties.
fn version_in(payload: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\x07versionS";
    let at = payload.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let length: [u8; 4] = payload.get(at..at + 4)?.try_into().ok()?;
    let text = payload.get(at + 4..)?.get(..u32::from_be_bytes(length) as usize)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_is_read_from_the_server_properties() {
        let payload = b"\x05otherS\0\0\0\x01x\x07versionS\0\0\0\x063.10.8\x08platformS";
        assert_eq!(version_in(payload).as_deref(), Some("3.10.8"));
    }

    #[test]
    fn a_cut_answer_has_no_version() {
        assert_eq!(version_in(b"\x07versionS\0\0\0\x063.1"), None);
    }
}
