use std::io;
use std::time::Duration;

/// Why there is no private node.
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
