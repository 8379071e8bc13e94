//! A TCP proxy that injects faults.
//!
//! One thread with its own runtime relays ([`accept`], [`relay`]); the controls change a state
//! that it looks at under a lock before it moves a byte ([`state`]). So a fault holds from the
//! moment that its method returns.

mod accept;
mod address;
mod relay;
mod shared;
mod state;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::runtime;

use crate::RabbitMq;
use crate::error::{Doing, Error};
use shared::Shared;
use state::{Door, Ending, Flow, State};

pub use state::Direction;

/// A TCP proxy on a loopback port, which does to the connections through it what networks do.
///
/// The methods return when the fault holds. They may be called in async code: they wait, if at
/// all, for the proxy's own thread, and that only to open and close sockets. [`Proxy::restore`]
/// ends every fault. Until then they add up, but of stall, black hole and slow a direction has
/// the last one set. Dropping the proxy ends its connections and its thread.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
    /// Bound but never listening: keeps the port ours while the proxy refuses.
    _reservation: TcpSocket,
}

impl Proxy {
    /// Listens on a free loopback port, and relays each connection to `target`.
    ///
    /// The target is not tried here. A client whose connection the target refuses is reset.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no port, or no thread.
    pub fn start(target: SocketAddr) -> Result<Self, Error> {
        let reservation = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = reservation.local_addr().doing(|| "read the proxy's port".to_owned())?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .doing(|| "make the proxy's runtime".to_owned())?;
        let listener = {
            let _inside = runtime.enter();
            accept::listen(address)?
        };
        let shared = Arc::new(Shared::new());
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("testbed-proxy".to_owned())
            .spawn(move || {
                let _ended = for_thread.tell_when_the_thread_ends();
                runtime.block_on(accept::run(&for_thread, listener, target));
                // The sockets are closed before the end is told.
                drop(runtime);
            })
            .doing(|| "start the proxy's thread".to_owned())?;
        Ok(Self { shared, address, thread: Some(thread), _reservation: reservation })
    }

    /// Starts before the broker of an address like `amqp://user:password@host:5672/vhost`.
    ///
    /// # Errors
    /// As [`Proxy::start`]; [`Error::NoTarget`] when the address names no host.
    pub fn start_before(url: &str) -> Result<Self, Error> {
        Self::start(address::target(url)?)
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the broker, through this proxy.
    #[must_use]
    pub fn url(&self, of: &RabbitMq) -> String {
        self.url_for(&of.url())
    }

    /// An address with its host and port replaced by the proxy's; user, virtual host and
    /// parameters stay.
    #[must_use]
    pub fn url_for(&self, url: &str) -> String {
        address::replaced(url, self.address)
    }

    /// Cuts the connections of now: the client's end is reset, the server's end closed.
    ///
    /// New connections are relayed as before.
    pub fn cut(&self) {
        self.end_all(Ending::Reset);
    }

    /// Ends the connections of now in good order, a FIN to both ends, as a server that leaves does.
    ///
    /// New connections are relayed as before.
    pub fn hang_up(&self) {
        self.end_all(Ending::Close);
    }

    /// Cuts the connections of now, and refuses new ones. The port stays reserved.
    pub fn refuse(&self) {
        self.shared.change(|state| {
            state.door = Door::Shut;
            state.end_all(Ending::Reset);
        });
        self.shared.wait(|state| !state.listening && state.none_ends());
    }

    /// Relays nothing, in both directions. Connections stay and new ones are accepted; bytes,
    /// ends of stream and connects are held back until [`Proxy::restore`], not lost.
    ///
    /// Once the buffers on the way are full, some megabytes, a sender blocks.
    pub fn stall(&self) {
        self.flow(&Direction::BOTH, Flow::Stalled);
    }

    /// [`Proxy::stall`] in one direction.
    pub fn stall_only(&self, direction: Direction) {
        self.flow(&[direction], Flow::Stalled);
    }

    /// Loses every byte in both directions, and tells nobody: a network that drops packets.
    ///
    /// The connections of now and those made until [`Proxy::restore`] stay open and silent for
    /// ever. That one end closes is not told to the other, and a new one does not reach the target.
    pub fn black_hole(&self) {
        self.flow(&Direction::BOTH, Flow::Lost);
    }

    /// [`Proxy::black_hole`] in one direction.
    pub fn black_hole_only(&self, direction: Direction) {
        self.flow(&[direction], Flow::Lost);
    }

    /// Lets each connection move so many bytes a second in each direction, at least one.
    pub fn slow(&self, bytes_per_second: u64) {
        self.flow(&Direction::BOTH, Flow::paced(bytes_per_second));
    }

    /// [`Proxy::slow`] in one direction.
    pub fn slow_only(&self, direction: Direction, bytes_per_second: u64) {
        self.flow(&[direction], Flow::paced(bytes_per_second));
    }

    /// Cuts all connections, once, when so many more bytes have gone to the server, over all
    /// connections together. These bytes still arrive; with zero it is [`Proxy::cut`].
    pub fn cut_after(&self, bytes: u64) {
        if bytes == 0 {
            return self.cut();
        }
        self.shared.change(|state| state.cut_in = Some(bytes));
    }

    /// Ends all faults: listens again on the same port, relays at full speed, forgets
    /// [`Proxy::cut_after`]. What was held back goes on; what was in the black hole stays there.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot listen again.
    pub fn restore(&self) -> Result<(), Error> {
        self.shared.change(State::restore);
        self.shared.wait(|state| state.listening || state.failure.is_some());
        self.shared.look(|state| match state.failure.take() {
            Some(failure) => Err(failure),
            None if state.ended => Err(Error::ProxyEnded),
            None => Ok(()),
        })
    }

    /// The connections that clients have open now, as far as the proxy has seen. During a stall
    /// it may not see that a client has left.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.look(|state| state.open())
    }

    /// The connections that clients have made since the start.
    #[must_use]
    pub fn total_connections(&self) -> u64 {
        self.shared.look(|state| state.total)
    }

    /// Waits until clients have made so many connections since the start. Cancel-safe; needs a
    /// tokio runtime with time, as [`Proxy::wait_for_open`] does.
    ///
    /// # Errors
    /// [`Error::Connections`] when they have not within `limit`.
    pub async fn wait_for_connections(&self, total: u64, limit: Duration) -> Result<(), Error> {
        let wanted = || format!("at least {total} connections in all");
        self.shared.wait_async(limit, wanted, |state| state.total >= total).await
    }

    /// Waits until clients have exactly so many connections open. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Connections`] when they have not within `limit`.
    pub async fn wait_for_open(&self, open: usize, limit: Duration) -> Result<(), Error> {
        let wanted = || format!("{open} open connections");
        self.shared.wait_async(limit, wanted, |state| state.open() == open).await
    }

    fn end_all(&self, ending: Ending) {
        self.shared.change(|state| state.end_all(ending));
        self.shared.wait(State::none_ends);
    }

    fn flow(&self, directions: &[Direction], flow: Flow) {
        self.shared.change(|state| {
            for direction in directions {
                state.set_flow(*direction, flow);
            }
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| state.door = Door::Gone);
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed, and has closed everything too.
            let _ = thread.join();
        }
    }
}

/// A socket on the address, beside the ones that do not listen there.
fn bind(address: SocketAddr) -> Result<TcpSocket, Error> {
    let bound = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().doing(|| format!("bind the proxy to {address}"))
}
