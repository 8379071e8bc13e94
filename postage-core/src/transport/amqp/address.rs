//! Where the broker is, read from the configuration.

use std::fmt;
use std::time::Duration;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::AMQPUri;

use crate::config::Config;
use crate::transport::TransportError;

const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(15);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is needed to connect. `Display` and `Debug` leave out who we are.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) uri: AMQPUri,
    pub(super) connect_timeout: Duration,
    pub(super) tls: OwnedTLSConfig,
}

impl Address {
    /// Takes each part from the first of: setter, address, environment, default.
    pub(super) fn resolve(config: &Config) -> Result<Self, TransportError> {
        config.scheme()?;
        let mut uri = config.url.parse::<AMQPUri>().map_err(|reason| {
            // The parser may quote what it was given.
            config.unusable(if reason.contains(&config.url) {
                "it is not a URL; write it like amqp://user:password@host:5672/vhost".to_owned()
            } else {
                format!("{reason}; letters with a meaning in a URL are percent-encoded")
            })
        })?;
        let said = Said::by(&config.url);

        let (set, environment) = (&config.set, &config.environment);
        let login = &mut uri.authority.userinfo;
        choose(&mut login.username, &set.user, said.user, &environment.user);
        choose(&mut login.password, &set.password, said.password, &environment.password);
        choose(&mut uri.vhost, &set.vhost, said.vhost, &environment.vhost);
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        if let Some(host) = set.host.clone().or(said.ipv6) {
            uri.authority.host = host;
        }
        if let Some(port) = set.port {
            uri.authority.port = port;
        }
        if uri.vhost.len() > 255 {
            return Err(config.unusable("the virtual host's name is longer than 255 bytes"));
        }
        let heartbeat = config.heartbeat.map(whole_seconds).or(uri.query.heartbeat);
        uri.query.heartbeat = heartbeat.or_else(|| Some(whole_seconds(DEFAULT_HEARTBEAT)));
        let by_url = uri.query.connection_timeout.map(Duration::from_millis);
        let connect_timeout = config.connect_timeout.or(by_url).unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        Ok(Self { uri, connect_timeout, tls: tls(config)? })
    }

    /// This address, and the same at each other host that the configuration names.
    pub(super) fn with_other_hosts(&self, config: &Config) -> Vec<Self> {
        let others = config.other_hosts.iter().map(|(host, port)| {
            let mut other = self.clone();
            other.uri.authority.host.clone_from(host);
            other.uri.authority.port = port.unwrap_or(self.uri.authority.port);
            other
        });
        std::iter::once(self.clone()).chain(others).collect()
    }

    pub(super) fn vhost(&self) -> &str {
        &self.uri.vhost
    }
}

/// What TLS needs of the configuration. The library beneath takes a text without a certificate for
/// none at all, and says nothing.
fn tls(config: &Config) -> Result<OwnedTLSConfig, TransportError> {
    let checked = |what: &str, pem: &str, part: &str| match pem.contains(part) {
        true => Ok(pem.to_owned()),
        false => Err(config.unusable(format!("{what} is not PEM: it has no `{part}`"))),
    };
    let certificate = "-----BEGIN CERTIFICATE-----";
    let ca = config.tls.ca.as_ref();
    let ca = ca.map(|pem| checked("the CA certificate", pem, certificate)).transpose()?;
    let identity = match &config.tls.identity {
        Some((pem, key)) => Some(OwnedIdentity::PKCS8 {
            pem: checked("the client's certificate", pem, certificate)?.into_bytes(),
            key: checked("the client's key", key, "PRIVATE KEY-----")?.into_bytes(),
        }),
        None => None,
    };
    Ok(OwnedTLSConfig { identity, cert_chain: ca })
}

/// The first of setter, address and environment; what the parser chose when none says it.
fn choose(part: &mut String, set: &Option<String>, said: bool, environment: &Option<String>) {
    let better = if said { None } else { environment.as_ref() };
    if let Some(value) = set.as_ref().or(better) {
        value.clone_into(part);
    }
}

/// AMQP counts heartbeats in whole seconds of 16 bits.
fn whole_seconds(time: Duration) -> u16 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u16::try_from(seconds).unwrap_or(u16::MAX)
}

/// Which parts an address says. The parser fills in defaults and does not tell, and it takes an
/// IPv6 host for none.
struct Said {
    user: bool,
    password: bool,
    vhost: bool,
    ipv6: Option<String>,
}

impl Said {
    fn by(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, _)) => (user, true),
            None => (login, false),
        };
        let ipv6 = host.strip_prefix('[').and_then(|host| host.split_once(']'));
        Self {
            user: !user.is_empty(),
            password,
            vhost: !path.is_empty(),
            ipv6: ipv6.map(|(host, _)| host.to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(f, "{}:{} (virtual host `{}`)", authority.host, authority.port, self.uri.vhost)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.to_string()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "POSTAGE_USER" => "env-user",
            "POSTAGE_PASSWORD" => "env-password",
            "POSTAGE_VHOST" => "env-vhost",
            _ => return None,
        };
        Some(value.to_owned())
    }

    /// User, password, vhost, host and port.
    fn parts(config: &Config) -> (String, String, String, String, u16) {
        let uri = Address::resolve(config).unwrap().uri;
        let (authority, login) = (uri.authority.clone(), uri.authority.userinfo);
        (login.username, login.password, uri.vhost, authority.host, authority.port)
    }

    fn owned(parts: (&str, &str, &str, &str, u16)) -> (String, String, String, String, u16) {
        let (user, password, vhost, host, port) = parts;
        (user.into(), password.into(), vhost.into(), host.into(), port)
    }

    #[test]
    fn what_nobody_says_is_the_default() {
        let config = Config::from_lookup(None, |_| None);
        assert_eq!(parts(&config), owned(("guest", "guest", "/", "localhost", 5672)));
    }

    #[test]
    fn the_environment_fills_what_the_address_leaves_open() {
        let config = Config::from_lookup(Some("amqp://rabbit:99/".into()), environment);
        assert_eq!(parts(&config), owned(("env-user", "env-password", "env-vhost", "rabbit", 99)));
    }

    #[test]
    fn the_address_comes_before_the_environment() {
        let url = "amqp://a%40b:p%2Fw@rabbit/sh%2Fop?heartbeat=7".to_owned();
        let config = Config::from_lookup(Some(url), environment);
        assert_eq!(parts(&config), owned(("a@b", "p/w", "sh/op", "rabbit", 5672)));
        assert_eq!(Address::resolve(&config).unwrap().uri.query.heartbeat, Some(7));
    }

    #[test]
    fn the_setter_comes_before_the_address() {
        let config = Config::from_lookup(Some("amqp://a:b@h:1/v?heartbeat=7".into()), environment)
            .user("u")
            .password("p")
            .vhost("w")
            .host("k")
            .port(2)
            .heartbeat(Duration::from_millis(1500));
        assert_eq!(parts(&config), owned(("u", "p", "w", "k", 2)));
        assert_eq!(Address::resolve(&config).unwrap().uri.query.heartbeat, Some(2));
    }

    #[test]
    fn an_ipv6_host_is_kept() {
        let config = Config::from_lookup(Some("amqp://[::1]:5000".into()), |_| None);
        assert_eq!(parts(&config), owned(("guest", "guest", "/", "::1", 5000)));
    }

    #[test]
    fn an_address_that_cannot_be_parsed_keeps_its_password() {
        for url in ["amqp://ann:s3cret@ho st/v", "amqp://ann:s3cret", "amqp://ann:s3c/ret@host"] {
            let config = Config::from_lookup(Some(url.to_owned()), |_| None);
            let error = Address::resolve(&config).unwrap_err().to_string();
            assert!(!error.contains("s3c") && !error.contains("ret@"), "{error}");
        }
    }

    #[test]
    fn neither_display_nor_debug_shows_who_we_are() {
        let config = Config::from_lookup(Some("amqp://ann:s3cret@host".into()), |_| None);
        let address = Address::resolve(&config).unwrap();
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("s3cret") && shown.contains("host:5672"), "{shown}");
    }
}
