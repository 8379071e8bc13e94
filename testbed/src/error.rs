use std::io;
use std::time::Duration;

/// Why there is no private node, or no proxy, or not the connections through it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's programs are not on this machine.
    #[error(
        "cannot find {program}; install the packages rabbitmq-server and erlang-base (`apt-get install rabbitmq-server`)"
    )]
    Missing {
        /// What was looked for.
        program: &'static str,
    },
    /// A file, a folder, a port or a process could not be had.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// The node ended before it accepted connections.
    #[error("RabbitMQ ended while it started ({status}); its last words:\n{log}")]
    Ended {
        /// How the process ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// The node did not accept connections in time.
    #[error("RabbitMQ did not accept connections within {}s; its last words:\n{log}", waited.as_secs())]
    TooSlow {
        /// How long it was waited for.
        waited: Duration,
        /// The end of its log.
        log: String,
    },
    /// The node did not do what it was told by `rabbitmqctl`.
    #[error("`rabbitmqctl {command}` failed ({status}): {said}")]
    Control {
        /// What it was told.
        command: String,
        /// How the program ended.
        status: String,
        /// What it said.
        said: String,
    },
    /// The address of a broker has no host and port that a proxy could stand before.
    #[error("the broker's address has no host and port; write amqp://user:password@host:5672")]
    NoTarget,
    /// The proxy's clients did not do in time what was waited for.
    #[error("after {}ms the proxy has {open} open connections, {total} in all; wanted: {wanted}", waited.as_millis())]
    Connections {
        /// What was waited for.
        wanted: String,
        /// The connections that clients have open now.
        open: usize,
        /// All connections since the start.
        total: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The thread of the proxy is gone.
    #[error("the thread of the proxy has ended, and its connections with it; start another proxy")]
    ProxyEnded,
}

/// Names the action that failed.
pub(crate) trait Doing<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io { action: action(), source })
    }
}
