use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Doing, Error};
use crate::layout::{Certificates, Layout};
use crate::process::Process;
use crate::{epmd, handshake, locate};

const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 3;

/// A running RabbitMQ node of our own. It stops, and its folder goes, when this is dropped.
///
/// All methods block.
#[derive(Debug)]
pub struct RabbitMq {
    // Dropped in this order: the server, its name server, its folder.
    server: Option<Process>,
    name_server: Option<Process>,
    layout: Layout,
    version: String,
}

impl RabbitMq {
    /// Whether the programs that a node needs are on this machine.
    #[must_use]
    pub fn is_installed() -> bool {
        locate::server_script().is_ok() && locate::epmd().is_ok()
    }

    /// Starts a node and waits until it accepts connections: some seconds.
    ///
    /// # Errors
    /// [`Error::Missing`] when the server is not installed; [`Error::Ended`] and
    /// [`Error::TooSlow`], with the end of its log, when it does not come up.
    pub fn start() -> Result<Self, Error> {
        Self::start_as(None)
    }

    /// Starts a node that listens with TLS too.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub fn start_with_tls(certificates: &Certificates) -> Result<Self, Error> {
        Self::start_as(Some(certificates))
    }

    fn start_as(certificates: Option<&Certificates>) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            match Self::start_once(certificates) {
                // Another program may have taken a port between our look and the server's start.
                Err(Error::Ended { .. }) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn start_once(certificates: Option<&Certificates>) -> Result<Self, Error> {
        let layout = Layout::new(certificates)?;
        let mut node = Self { server: None, name_server: None, layout, version: String::new() };
        node.run()?;
        Ok(node)
    }

    /// The address to connect to, as the user `guest` on the virtual host `/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port())
    }

    /// The address to connect to with TLS; none where the node has no certificate.
    #[must_use]
    pub fn tls_url(&self) -> Option<String> {
        let port = self.layout.ports.amqps;
        self.layout.tls.then(|| format!("amqps://guest:guest@127.0.0.1:{port}"))
    }

    /// The port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.layout.ports.amqp
    }

    /// Where it listens: what a [`Proxy`](crate::Proxy) is started for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()))
    }

    /// The server's version, like `3.10.8`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Stops the node in good order: what is durable is kept for [`RabbitMq::restart`].
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.terminate(STOP_DEADLINE);
        }
        self.name_server = None;
    }

    /// Kills the node at once, as a power cut would: SIGKILL, no goodbye on its connections.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
        self.name_server = None;
    }

    /// Starts the node again, on the same port and with what it had kept; stops it first when it
    /// still runs.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop();
        self.run()
    }

    /// Tells the running node something by `rabbitmqctl`, and answers what that says: some seconds.
    ///
    /// # Errors
    /// [`Error::Control`] when the node does not do it.
    pub fn control(&self, arguments: &[&str]) -> Result<String, Error> {
        let script = locate::control_script()?;
        let mut command = Command::new(&script);
        self.layout.apply(&mut command);
        command.arg("--node").arg(&self.layout.node).arg("--quiet").args(arguments);
        let output = command.output().doing(|| format!("run {}", script.display()))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() {
            return Ok(said);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let (command, status) = (arguments.join(" "), output.status.to_string());
        Err(Error::Control { command, status, said: format!("{said} {}", errors.trim()) })
    }

    fn run(&mut self) -> Result<(), Error> {
        self.name_server = Some(epmd::start(self.layout.ports.epmd)?);
        let script = locate::server_script()?;
        let output = self.layout.output();
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&output)
            .doing(|| format!("write {}", output.display()))?;
        let errors = output.try_clone().doing(|| "share the server's output".to_owned())?;

        let mut command = Command::new(&script);
        self.layout.apply(&mut command);
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C on the terminal is for its owner, who stops the node in good order.
            .process_group(0)
            .spawn()
            .doing(|| format!("run {}", script.display()))?;
        self.server = Some(Process::new(child));
        self.version = self.wait_until_ready()?;
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<String, Error> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.server.as_mut().and_then(Process::ended) {
                let log = self.layout.last_words();
                return Err(Error::Ended { status: status.to_string(), log });
            }
            if let Ok(version) = handshake::server_version(self.port(), HANDSHAKE_DEADLINE)
                && self.listens_with_tls_where_it_should()
            {
                return Ok(version);
            }
            if Instant::now() > deadline {
                let log = self.layout.last_words();
                return Err(Error::TooSlow { waited: START_DEADLINE, log });
            }
            thread::sleep(POLL);
        }
    }
}

impl RabbitMq {
    fn listens_with_tls_where_it_should(&self) -> bool {
        let address = (Ipv4Addr::LOCALHOST, self.layout.ports.amqps);
        !self.layout.tls || TcpStream::connect(address).is_ok()
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.stop();
    }
}
