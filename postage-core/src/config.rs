//! Where the broker is and who we are to it.

use std::env;
use std::fmt;
use std::time::Duration;

use crate::transport::TransportError;

const SCHEMES: &str = "amqp://, amqps:// and memory://";

/// Where the broker is, and who this program is to it.
///
/// Each part is taken from the first of: its own setter, the address, the environment, the
/// default.
///
/// | part | environment | default |
/// |---|---|---|
/// | address | `POSTAGE_URL` | `amqp://localhost` |
/// | user | `POSTAGE_RMQ_USER`, `POSTAGE_USER` | `guest` |
/// | password | `POSTAGE_RMQ_PASSWORD`, `POSTAGE_PASSWORD` | `guest` |
/// | virtual host | `POSTAGE_VHOST` | `/` |
/// | debug mode | `POSTAGE_DEBUG_MODE`, on when `true` | off |
///
/// The environment is read when the configuration is made. An empty variable counts as unset. This
/// crate shows the password in no `Debug`, log or error. The client library beneath it does, with
/// the log-in frame as a list of bytes, where its target `lapin::io_loop` is logged at `TRACE`.
///
/// ```
/// use std::time::Duration;
/// use postage_core::Config;
///
/// let config = Config::new("amqp://localhost/shop")
///     .user("desk")
///     .password("secret")
///     .connect_timeout(Duration::from_secs(3));
/// assert!(!format!("{config:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) url: String,
    /// What the setters said.
    pub(crate) set: Parts,
    /// What the environment said.
    pub(crate) environment: Parts,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    /// Hosts to try after the first, with their ports where those differ.
    pub(crate) other_hosts: Vec<(String, Option<u16>)>,
    /// How long the first connecting may wait for the broker.
    pub(crate) patience: Duration,
    pub(crate) tls: Tls,
    debug: bool,
}

/// What `amqps://` needs beyond the system's own, in PEM.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    pub(crate) ca: Option<String>,
    /// Our certificate with its chain, and its key.
    pub(crate) identity: Option<(String, String)>,
}

/// The parts of an address that can come from elsewhere.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) vhost: Option<String>,
}

/// The transport that an address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The broker in this process.
    Memory,
    /// AMQP 0-9-1.
    #[cfg(feature = "amqp")]
    Amqp,
}

impl Config {
    /// The address of the environment's `POSTAGE_URL`, or else `amqp://localhost`.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(None, |name| env::var(name).ok())
    }

    /// This address: `amqp://user:password@host:port/vhost`, `amqps://…` with TLS, or `memory://`
    /// for the broker in this process. In the parts of an AMQP address, letters with a meaning
    /// there are percent-encoded: `%2F` is a slash. What is wrong with it shows on connecting.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self::from_lookup(Some(url.into()), |name| env::var(name).ok())
    }

    pub(crate) fn from_lookup(
        url: Option<String>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let first = |names: [&str; 2]| names.into_iter().find_map(lookup);
        let url = url.or_else(|| lookup("POSTAGE_URL"));
        Self {
            url: url.unwrap_or_else(|| "amqp://localhost".to_owned()),
            set: Parts::default(),
            environment: Parts {
                host: None,
                port: None,
                user: first(["POSTAGE_RMQ_USER", "POSTAGE_USER"]),
                password: first(["POSTAGE_RMQ_PASSWORD", "POSTAGE_PASSWORD"]),
                vhost: lookup("POSTAGE_VHOST"),
            },
            heartbeat: None,
            connect_timeout: None,
            other_hosts: Vec::new(),
            patience: Duration::ZERO,
            tls: Tls::default(),
            debug: is_debug(lookup("POSTAGE_DEBUG_MODE")),
        }
    }

    /// The broker's host: a name, or an IP address.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.set.host = Some(host.into());
        self
    }

    /// The broker's TCP port. Default: 5672, and 5671 with TLS.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.set.port = Some(port);
        self
    }

    /// The user to log in as.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.set.user = Some(user.into());
        self
    }

    /// The user's password.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.set.password = Some(password.into());
        self
    }

    /// The virtual host, as the broker names it: not percent-encoded.
    #[must_use]
    pub fn vhost(mut self, vhost: impl Into<String>) -> Self {
        self.set.vhost = Some(vhost.into());
        self
    }

    /// How long the connection may be silent: the broker and we both send something within this
    /// time, and a connection counts as lost before it was silent for twice this time. Whole
    /// seconds, rounded up; default 15 s; the broker may lower it. Zero takes the broker's own.
    /// Where both have zero, nobody notices a silence.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// How long making a connection may take, log-in included. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// One more host of the same cluster, with its port where that differs: the hosts are tried in
    /// turn, whenever a connection is made.
    #[must_use]
    pub fn or_host(mut self, host: impl Into<String>, port: impl Into<Option<u16>>) -> Self {
        self.other_hosts.push((host.into(), port.into()));
        self
    }

    /// How long the first connecting may take and wait for a broker that is not there yet, all hosts
    /// and attempts together. An attempt gets what is left, where that is less than its own
    /// [`Config::connect_timeout`]; several hosts share it. Default: it does not wait, and tries
    /// each host once. A connection that is lost later is made again without limit.
    #[must_use]
    pub fn wait_for_broker(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// A certificate authority to trust with `amqps://` beside the system's: one or more
    /// certificates, in PEM. What is wrong with them shows on connecting.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<String>) -> Self {
        self.tls.ca = Some(pem.into());
        self
    }

    /// The certificate (with its chain) and the private key that we show the broker with
    /// `amqps://`, both in PEM. User and password still say who logs in.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<String>,
        key: impl Into<String>,
    ) -> Self {
        self.tls.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Whether every message in and out is shown through `tracing`, at the level info under the
    /// target `postage::traffic`, the first 4,096 characters of each.
    ///
    /// A value is hidden where its key sounds like a secret: where it has `passw`, `secret`,
    /// `token`, `api_key`, `apikey`, `authorization` or `credential` in it, at any depth. **A bare
    /// value is not hidden**: neither a parameter that travels without its name (`bare` methods,
    /// Python callers) nor the value that a call answers has a key of its own. Give a secret a
    /// name, in a struct or a map, or leave the debug mode off.
    #[must_use]
    pub fn debug(mut self, on: bool) -> Self {
        self.debug = on;
        self
    }

    /// Whether every message in and out is shown through `tracing`.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.debug
    }

    /// Which transport the address asks for.
    pub(crate) fn scheme(&self) -> Result<Scheme, TransportError> {
        match self.url.split_once("://").map(|(scheme, _)| scheme) {
            Some("memory") => Ok(Scheme::Memory),
            #[cfg(feature = "amqp")]
            Some("amqp") => Ok(Scheme::Amqp),
            #[cfg(feature = "tls")]
            Some("amqps") => Ok(Scheme::Amqp),
            #[cfg(all(feature = "amqp", not(feature = "tls")))]
            Some("amqps") => Err(self.unusable(
                "this build has no TLS: turn on the feature `tls` of postage-core, or use amqp://",
            )),
            #[cfg(not(feature = "amqp"))]
            Some("amqp" | "amqps") => Err(self.unusable(
                "this build has no AMQP: turn on the feature `amqp` of postage-core (with `tls` \
                 for amqps://), or use memory://",
            )),
            Some(other) => {
                // It may be the start of a password, when the address is nothing like one.
                let name = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
                let named = if other.chars().all(name) { other } else { "…" };
                Err(self.unusable(format!(
                    "the scheme `{named}://` is not known; the schemes are {SCHEMES}"
                )))
            }
            None => Err(self.unusable(format!(
                "it has no scheme; it starts with one of {SCHEMES}, like amqp://localhost"
            ))),
        }
    }

    /// What stands after `memory://`.
    pub(crate) fn memory_name(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, name)| name)
    }

    pub(crate) fn unusable(&self, reason: impl Into<String>) -> TransportError {
        TransportError::Address { address: redacted(&self.url), reason: reason.into() }
    }
}

impl From<&str> for Config {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for Config {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &redacted(&self.url))
            .field("set", &self.set)
            .field("environment", &self.environment)
            .field("heartbeat", &self.heartbeat)
            .field("connect_timeout", &self.connect_timeout)
            .field("other_hosts", &self.other_hosts)
            .field("patience", &self.patience)
            .field("tls", &self.tls)
            .field("debug", &self.debug)
            .finish()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("vhost", &self.vhost)
            .finish()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &self.ca.as_ref().map(|_| "…"))
            .field("identity", &self.identity.as_ref().map(|_| "…"))
            .finish()
    }
}

/// Whether the environment asks for the debug mode.
pub(crate) fn debug_by_environment() -> bool {
    is_debug(env::var("POSTAGE_DEBUG_MODE").ok())
}

fn is_debug(variable: Option<String>) -> bool {
    variable.is_some_and(|on| on.eq_ignore_ascii_case("true"))
}

/// The address without user and password, also when it is no good address: a password may hold
/// any letter, so only what is surely not part of one is kept.
pub(crate) fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "…".to_owned();
    };
    let scheme_is_one = scheme.chars().all(|letter| letter.is_ascii_alphanumeric());
    let scheme = if scheme_is_one { scheme } else { "…" };
    if let Some((_, host_and_path)) = rest.rsplit_once('@') {
        return format!("{scheme}://…@{host_and_path}");
    }
    // `user:password` whose host was forgotten looks like `host:port`.
    match rest.split_once(':') {
        Some((host, tail)) => {
            let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
            let port = &tail[..digits];
            match &tail[digits..] {
                path if port.parse::<u16>().is_ok()
                    && (path.is_empty() || path.starts_with('/')) =>
                {
                    format!("{scheme}://{host}:{port}{path}")
                }
                _ => format!("{scheme}://{host}:…"),
            }
        }
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config::from_lookup(Some(url.to_owned()), |_| None)
    }

    fn from_env(variables: &'static [(&str, &str)]) -> Config {
        Config::from_lookup(None, |asked| {
            let found = variables.iter().find(|(name, _)| *name == asked);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_gives_the_local_broker() {
        let config = from_env(&[]);
        assert_eq!(config.url, "amqp://localhost");
        assert_eq!(config.environment.vhost, None);
        assert!(!config.is_debug());
    }

    #[test]
    fn the_documented_names_come_before_those_that_python_reads() {
        let both = from_env(&[
            ("POSTAGE_USER", "python"),
            ("POSTAGE_RMQ_USER", "documented"),
            ("POSTAGE_PASSWORD", "p"),
            ("POSTAGE_VHOST", "shop"),
            ("POSTAGE_URL", "memory://"),
            ("POSTAGE_DEBUG_MODE", "true"),
        ]);
        assert_eq!(both.environment.user.as_deref(), Some("documented"));
        assert_eq!(both.environment.password.as_deref(), Some("p"));
        assert_eq!(both.environment.vhost.as_deref(), Some("shop"));
        assert_eq!(both.scheme().unwrap(), Scheme::Memory);
        assert!(both.is_debug());
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let config = from_env(&[("POSTAGE_URL", ""), ("POSTAGE_RMQ_USER", "")]);
        assert_eq!(config.url, "amqp://localhost");
        assert_eq!(config.environment.user, None);
    }

    #[test]
    fn an_unknown_scheme_is_told_the_known_ones() {
        for url in ["http://localhost", "localhost", "AMQP://localhost"] {
            let error = config(url).scheme().unwrap_err().to_string();
            assert!(error.contains(SCHEMES), "{error}");
        }
    }

    #[cfg(not(feature = "amqp"))]
    #[test]
    fn amqp_without_its_feature_names_the_feature() {
        let error = config("amqp://localhost").scheme().unwrap_err().to_string();
        assert!(error.contains("feature `amqp`"), "{error}");
    }

    #[cfg(all(feature = "amqp", not(feature = "tls")))]
    #[test]
    fn amqps_without_its_feature_names_the_feature() {
        let error = config("amqps://localhost").scheme().unwrap_err().to_string();
        assert!(error.contains("feature `tls`"), "{error}");
    }

    #[test]
    fn no_address_however_broken_shows_its_password() {
        for url in [
            "amqp://ann:s3cret@host/v",
            "amqp://ann:s3cret@ho st:99999/v",
            "amqp://ann:s3c@ret/s3cret@host",
            "amqp://ann:s3cret",
            "amqp://ann:1234s3cret",
            "ann:s3cret@host",
            "ann:s3cret://host",
            "http://ann:s3cret@host",
            "amqp:ann:s3cret@host",
        ] {
            let config = config(url).password("s3cret");
            let error = config.unusable("no").to_string();
            let shown = format!("{config:?} {error} {:?}", config.scheme());
            assert!(!shown.contains("s3c") && !shown.contains("ret@"), "{shown}");
        }
    }

    #[test]
    fn an_address_without_a_password_is_shown_whole() {
        for url in ["amqp://localhost", "amqp://localhost:5672/shop", "memory://"] {
            assert_eq!(redacted(url), url);
        }
    }
}
