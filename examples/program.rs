//! How the programs that talk to RabbitMQ start and stop.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use postage_core::prelude::*;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long handlers may take to finish when a program is told to end.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// What ends a program: any error, shown as its text.
pub struct Failure(Box<dyn Error>);

impl<E: Into<Box<dyn Error>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What `main` shows of an error it returns.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Connects to `POSTAGE_URL`, by default the RabbitMQ of this host. Events, and with
/// `POSTAGE_DEBUG_MODE=true` every message, go to standard error; `RUST_LOG` chooses among them.
///
/// # Errors
/// When no connection can be made.
pub async fn connect() -> Result<Broker, Failure> {
    show_events();
    Ok(Broker::from_env().await?)
}

/// Shows events on standard error; `RUST_LOG` chooses among them. Once a program.
pub fn show_events() {
    // What lapin has to say of a connection's end, the broker handle says too.
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info,lapin=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

/// Serves until it is told to end, by a command, SIGTERM or Ctrl-C, and drains the service. The
/// command `restart` starts the program again.
///
/// # Errors
/// When the service failed, or the signals cannot be heard.
pub async fn run(broker: &Broker, serving: Serving) -> Result<(), Failure> {
    let why = told_to_end(serving.stopped()).await?;
    serving.drain(DRAIN_LIMIT).await;
    end(broker, why).await
}

/// Waits until a service has stopped, or SIGTERM or Ctrl-C comes.
///
/// # Errors
/// When the signals cannot be heard.
pub async fn told_to_end(stopped: impl Future<Output = Stopped>) -> Result<Stopped, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        why = stopped => why,
        _ = terminate.recv() => Stopped::Quit,
        _ = interrupt.recv() => Stopped::Quit,
    })
}

/// Closes the connection, and ends the program as it was told to.
///
/// # Errors
/// When the service failed, or the connection could not be closed in good order.
pub async fn end(broker: &Broker, why: Stopped) -> Result<(), Failure> {
    broker.close().await?;
    match why {
        Stopped::Failed(error) => Err(error.into()),
        Stopped::Restart => Err(postage_core::restart_program().into()),
        _ => Ok(()),
    }
}

/// The text on the command line, or `default`.
#[must_use]
pub fn text_or(default: &str) -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.is_empty() { default.to_owned() } else { words.join(" ") }
}
