use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::shared::Shared;
use super::state::{Direction, Ending, Flow};

const CHUNK: usize = 16 * 1024;

/// A connection's place in the state. It leaves when this is dropped.
pub(super) struct Connection {
    shared: Arc<Shared>,
    number: u64,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let number = shared.change(|state| state.arrived());
        Self { shared, number }
    }

    fn flow(&self, direction: Direction) -> Flow {
        self.shared.look(|state| state.flow(direction, self.number))
    }

    /// Waits until it must end.
    async fn end(&self) -> Ending {
        let mut changes = self.shared.changes();
        loop {
            if let Some(ending) = self.shared.look(|state| state.must_end(self.number)) {
                return ending;
            }
            next(&mut changes).await;
        }
    }

    /// Waits while the direction is stalled; says what it is now.
    async fn flowing(&self, direction: Direction) -> Flow {
        let mut changes = self.shared.changes();
        loop {
            let flow = self.flow(direction);
            if flow != Flow::Stalled {
                return flow;
            }
            next(&mut changes).await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.change(|state| state.ended(self.number));
    }
}

/// Waits for a change of the state.
async fn next(changes: &mut watch::Receiver<()>) {
    // An error would mean that the sender is gone, which is in the state that the caller holds.
    let _ = changes.changed().await;
}

/// Relays one connection until both its ends have closed, one has failed, or it is cut.
pub(super) async fn run(connection: Connection, mut client: TcpStream, target: SocketAddr) {
    let ending = tokio::select! {
        biased;
        ending = connection.end() => ending,
        relayed = relay(&connection, &mut client, target) => match relayed {
            Ok(()) => Ending::Close,
            Err(_) => Ending::Reset,
        },
    };
    if ending == Ending::Reset {
        // Fails only when the client has reset it already.
        let _ = client.set_zero_linger();
    }
    // It counts as ended when its sockets are closed, so in this order.
    drop(client);
    drop(connection);
}

async fn relay(
    connection: &Connection,
    client: &mut TcpStream,
    target: SocketAddr,
) -> io::Result<()> {
    if connection.flowing(Direction::ToServer).await == Flow::Lost {
        let (from_client, _to_client) = client.split();
        return swallow(connection, from_client).await;
    }
    let mut server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::try_join!(
        Pump::new(connection, Direction::ToServer, to_server).run(from_client),
        Pump::new(connection, Direction::ToClient, to_client).run(from_server),
    )?;
    Ok(())
}

/// Reads what never arrives anywhere.
async fn swallow(connection: &Connection, mut from: ReadHalf<'_>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    while matches!(from.read(&mut buffer).await, Ok(read) if read > 0) {}
    connection.shared.change(|state| state.client_left(connection.number));
    Ok(())
}

/// One direction of one connection.
struct Pump<'a> {
    connection: &'a Connection,
    direction: Direction,
    to: WriteHalf<'a>,
    changes: watch::Receiver<()>,
    /// When a slow flow may move again.
    ready: Instant,
}

/// What became of some bytes.
enum Step {
    Moved(usize),
    /// The receiver takes no more for now.
    Full,
    /// The flow is stalled, or the connection is about to end.
    Held,
    /// The flow is slow.
    Until(Instant),
}

impl<'a> Pump<'a> {
    fn new(connection: &'a Connection, direction: Direction, to: WriteHalf<'a>) -> Self {
        let changes = connection.shared.changes();
        Self { connection, direction, to, changes, ready: Instant::now() }
    }

    /// Relays until the sender has closed, and tells the receiver unless this is lost too.
    async fn run(mut self, mut from: ReadHalf<'_>) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        let end = loop {
            match from.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(read) => self.deliver(&buffer[..read]).await?,
                Err(error) => break Err(error),
            }
        };
        self.tell_that_it_left();
        match (self.connection.flowing(self.direction).await, end) {
            (Flow::Lost, _) => Ok(()),
            (_, Ok(())) => self.to.shutdown().await,
            (_, Err(error)) => Err(error),
        }
    }

    fn tell_that_it_left(&self) {
        if self.direction == Direction::ToServer {
            self.connection.shared.change(|state| state.client_left(self.connection.number));
        }
    }

    async fn deliver(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.changes.mark_unchanged();
            match self.step(bytes)? {
                Step::Moved(moved) => bytes = &bytes[moved..],
                Step::Held => next(&mut self.changes).await,
                Step::Full => tokio::select! {
                    writable = self.to.writable() => writable?,
                    () = next(&mut self.changes) => {}
                },
                Step::Until(ready) => tokio::select! {
                    () = time::sleep_until(ready) => {}
                    () = next(&mut self.changes) => {}
                },
            }
        }
        Ok(())
    }

    /// Moves what may move now. Under the lock: after a control has returned nothing moves that
    /// it forbids.
    fn step(&mut self, bytes: &[u8]) -> io::Result<Step> {
        let shared = &self.connection.shared;
        let (step, cut) = shared.look(|state| {
            let number = self.connection.number;
            if state.must_end(number).is_some() {
                return Ok((Step::Held, false));
            }
            let flow = state.flow(self.direction, number);
            let mut most = bytes.len().min(flow.portion());
            match flow {
                Flow::Stalled => return Ok((Step::Held, false)),
                Flow::Lost => return Ok((Step::Moved(bytes.len()), false)),
                Flow::Paced(_) if Instant::now() < self.ready => {
                    return Ok((Step::Until(self.ready), false));
                }
                Flow::Paced(_) | Flow::Free => {}
            }
            if let (Direction::ToServer, Some(left)) = (self.direction, state.cut_in) {
                most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
            }
            match self.to.try_write(&bytes[..most]) {
                Ok(moved) => {
                    self.ready = Instant::now() + flow.rest(moved);
                    let cut = self.direction == Direction::ToServer && state.spend(moved);
                    Ok((Step::Moved(moved), cut))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok((Step::Full, false)),
                // The receiver is gone, and word of it is lost on the way back.
                Err(_) if state.flow(self.direction.back(), number) == Flow::Lost => {
                    Ok((Step::Moved(bytes.len()), false))
                }
                Err(error) => Err(error),
            }
        })?;
        if cut {
            shared.tell();
        }
        Ok(step)
    }
}
