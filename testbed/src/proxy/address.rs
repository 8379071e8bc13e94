use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::Range;

use crate::error::{Doing, Error};

const DEFAULT_PORT: u16 = 5672;

/// Where the broker of the address listens.
pub(super) fn target(url: &str) -> Result<SocketAddr, Error> {
    let authority = &url[authority(url).ok_or(Error::NoTarget)?];
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let authority =
        if has_port { authority.to_owned() } else { format!("{authority}:{DEFAULT_PORT}") };
    let mut found = authority.to_socket_addrs().doing(|| format!("look up {authority}"))?;
    found.next().ok_or(Error::NoTarget)
}

/// The address with another host and port; one without a host stays as it is.
pub(super) fn replaced(url: &str, by: SocketAddr) -> String {
    match authority(url) {
        Some(range) => format!("{}{by}{}", &url[..range.start], &url[range.end..]),
        None => url.to_owned(),
    }
}

/// Where `host:port` is in the address.
fn authority(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::{replaced, target};

    #[test]
    fn host_and_port_are_replaced_and_the_rest_stays() {
        let by = "127.0.0.1:9".parse().unwrap();
        for (url, expected) in [
            ("amqp://guest:guest@127.0.0.1:5673", "amqp://guest:guest@127.0.0.1:9"),
            ("amqp://u:p@host:1/v?heartbeat=1", "amqp://u:p@127.0.0.1:9/v?heartbeat=1"),
            ("amqp://host?heartbeat=1", "amqp://127.0.0.1:9?heartbeat=1"),
        ] {
            assert_eq!(replaced(url, by), expected);
        }
    }

    #[test]
    fn the_target_is_the_host_with_its_port_or_the_usual_one() {
        for (url, expected) in [
            ("amqp://guest:guest@127.0.0.1:5673/v", "127.0.0.1:5673"),
            ("amqp://127.0.0.1", "127.0.0.1:5672"),
            ("amqp://[::1]", "[::1]:5672"),
        ] {
            assert_eq!(target(url).unwrap(), expected.parse().unwrap());
        }
        assert!(target("127.0.0.1:5672").is_err());
        assert!(target("amqp:///v").is_err());
    }
}
