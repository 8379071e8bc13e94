use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the server has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) open: usize,
    pub(super) total: usize,
    pub(super) received: Vec<u8>,
}

/// Sends back what it receives, and remembers it. Ends with its connections when dropped.
pub(super) struct EchoServer {
    pub(super) address: SocketAddr,
    seen: watch::Receiver<Seen>,
    tasks: JoinSet<()>,
}

impl EchoServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = watch::channel(Seen::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(echo(client, tell.clone()));
            }
        });
        Self { address, seen, tasks }
    }

    /// Closes the port and all connections, and waits until they are closed.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
        // Each connection holds a sender.
        while self.seen.changed().await.is_ok() {}
    }

    pub(super) async fn wait(&self, until: impl Fn(&Seen) -> bool) {
        self.seen.clone().wait_for(until).await.unwrap();
    }

    pub(super) fn open(&self) -> usize {
        self.seen.borrow().open
    }

    pub(super) fn total(&self) -> usize {
        self.seen.borrow().total
    }

    pub(super) fn received(&self) -> Vec<u8> {
        self.seen.borrow().received.clone()
    }
}

async fn echo(mut client: TcpStream, tell: watch::Sender<Seen>) {
    tell.send_modify(|seen| {
        seen.open += 1;
        seen.total += 1;
    });
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = client.read(&mut buffer).await {
        tell.send_modify(|seen| seen.received.extend_from_slice(&buffer[..read]));
        if client.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    drop(client);
    tell.send_modify(|seen| seen.open -= 1);
}
