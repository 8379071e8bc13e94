//! Making one connection.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::address::Address;
use super::direct::{self, Direct};
use super::fault;
use super::guard::{self, Guard, GuardedRuntime};
use super::wire::{Switch, Wire};
use crate::transport::TransportError;

/// Makes a connection and logs in, within `patience`. The broker shows it under `name`.
pub(super) async fn dial(
    address: &Address,
    name: &str,
    patience: Duration,
) -> Result<Wire, TransportError> {
    let failed = |reason: String| TransportError::Connect { address: address.to_string(), reason };
    let runtime = lapin::runtime::default_runtime().map_err(|error| failed(error.to_string()))?;
    let properties = ConnectionProperties::default().with_connection_name(name.into());

    let tls = address.tls.clone();
    // When we give up, the connection's thread must too: while it opens the socket by its own
    // limit, and after that by the switch.
    let switch = Switch::default();
    let giving_up = switch.off_unless_kept();
    let for_stream = switch.clone();
    // lapin may open another one while it logs in: the last one is the one.
    let way: Arc<Mutex<Arc<Direct>>> = Arc::default();
    let (for_way, tokio) = (Arc::clone(&way), Handle::current());
    let open = async move |uri: AMQPUri, _: GuardedRuntime| {
        for_stream.check()?;
        let opening = uri.connect_with_config_async(tls.as_ref(), &runtime);
        let opened = tokio::select! {
            biased;
            () = for_stream.off() => Ok(Err(io::ErrorKind::ConnectionAborted.into())),
            opened = timeout(patience, opening) => opened,
        };
        let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let direct = Arc::new(Direct::default());
        let guard = Guard::new(opened, for_stream.clone());
        let pipe = direct::start(guard, Arc::clone(&direct), &tokio);
        *for_way.lock().unwrap_or_else(PoisonError::into_inner) = direct;
        Ok(AsyncTcpStream::Plain(pipe))
    };
    let connecting = Connection::connector(address.uri.clone(), guard::runtime(), open, properties);
    match timeout(patience, connecting).await {
        Ok(Ok(connection)) => {
            giving_up.keep();
            let direct = Arc::clone(&way.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(Wire::new(connection, direct, switch))
        }
        Ok(Err(error)) => Err(failed(why_not(&error, patience))),
        Err(_) => Err(failed(too_slow(patience))),
    }
}

fn why_not(error: &Error, patience: Duration) -> String {
    match error.kind() {
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::TimedOut => too_slow(patience),
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("{error}; is the broker running there?")
        }
        ErrorKind::IOError(error) if error.to_string().contains("UnknownIssuer") => {
            format!("{error}; is the CA of the broker's certificate given, or the system's?")
        }
        ErrorKind::ProtocolError(_) => {
            format!("{}; check the user, the password and the virtual host", fault::words(error))
        }
        _ => fault::words(error),
    }
}

fn too_slow(patience: Duration) -> String {
    format!("no answer within {patience:?}")
}
