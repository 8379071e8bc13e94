use std::future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::relay::{self, Connection};
use super::shared::Shared;
use super::state::Door;
use crate::error::{Doing, Error};

const BACKLOG: u32 = 1024;

/// Listens on the address. Only inside a runtime.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    super::bind(address)?.listen(BACKLOG).doing(|| format!("listen on {address}"))
}

/// Lets clients in, while the door is open, until the proxy is dropped. The connections are
/// tasks of its own set and end with it.
pub(super) async fn run(shared: &Arc<Shared>, first: TcpListener, target: SocketAddr) {
    let Ok(address) = first.local_addr() else { return };
    let mut listener = Some(first);
    let mut connections = JoinSet::new();
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        match shared.look(|state| state.door) {
            Door::Gone => return,
            Door::Shut if listener.is_some() => {
                listener = None;
                shared.change(|state| state.listening = false);
            }
            Door::Open if listener.is_none() => match listen(address) {
                Ok(new) => {
                    listener = Some(new);
                    shared.change(|state| state.listening = true);
                }
                Err(error) => {
                    shared.change(|state| state.failed(error));
                }
            },
            Door::Open | Door::Shut => {}
        }
        tokio::select! {
            _ = changes.changed() => {}
            client = next(listener.as_ref()) => {
                if let Some(client) = client {
                    let connection = Connection::new(Arc::clone(shared));
                    connections.spawn(relay::run(connection, client, target));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The next client; none when it left before it was let in.
async fn next(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(client, _)| client),
        None => future::pending().await,
    }
}
