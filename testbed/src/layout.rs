use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::error::{Doing, Error};

/// The ports of a node, all on the loopback interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) amqp: u16,
    pub(crate) amqps: u16,
    distribution: u16,
    pub(crate) epmd: u16,
}

impl Ports {
    /// Ports that nobody listens on now.
    pub(crate) fn free() -> Result<Self, Error> {
        // All are held until all are known, so that they differ.
        let listen =
            || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "find a free port".to_owned());
        let held = [listen()?, listen()?, listen()?, listen()?];
        let port = |listener: &TcpListener| {
            listener
                .local_addr()
                .map(|address| address.port())
                .doing(|| "find a free port".to_owned())
        };
        Ok(Self {
            amqp: port(&held[0])?,
            amqps: port(&held[1])?,
            distribution: port(&held[2])?,
            epmd: port(&held[3])?,
        })
    }
}

/// What a node shows and trusts when it listens with TLS too. All in PEM.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority that clients' certificates are checked by. A client may show none.
    pub ca: String,
    /// The node's own certificate, for `127.0.0.1`.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Where a node keeps everything: its name, its ports and its folder.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) ports: Ports,
    pub(crate) tls: bool,
    pub(crate) node: String,
    folder: TempDir,
}

impl Layout {
    pub(crate) fn new(certificates: Option<&Certificates>) -> Result<Self, Error> {
        static NODES: AtomicU32 = AtomicU32::new(0);
        let number = NODES.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new()
            .prefix("postage-rabbitmq-")
            .tempdir()
            .doing(|| "make a temporary folder".to_owned())?;
        let layout = Self {
            ports: Ports::free()?,
            tls: certificates.is_some(),
            node: format!("postage-{}-{number}@localhost", process::id()),
            folder,
        };
        layout.write(certificates)?;
        Ok(layout)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path("output.log")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("rabbit.log")
    }

    fn write(&self, certificates: Option<&Certificates>) -> Result<(), Error> {
        let port = self.ports.amqp;
        let mut config = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\n\
             loopback_users.guest = true\n\
             log.file.level = warning\n\
             disk_free_limit.absolute = 1MB\n\
             collect_statistics_interval = 60000\n"
        );
        if let Some(Certificates { ca, certificate, key }) = certificates {
            let (port, folder) = (self.ports.amqps, self.folder.path().display());
            config += &format!(
                "listeners.ssl.1 = 127.0.0.1:{port}\n\
                 ssl_options.cacertfile = {folder}/ca.pem\n\
                 ssl_options.certfile = {folder}/certificate.pem\n\
                 ssl_options.keyfile = {folder}/key.pem\n\
                 ssl_options.verify = verify_peer\n\
                 ssl_options.fail_if_no_peer_cert = false\n"
            );
            write(&self.path("ca.pem"), ca)?;
            write(&self.path("certificate.pem"), certificate)?;
            write(&self.path("key.pem"), key)?;
        }
        write(&self.path("rabbitmq.conf"), &config)?;
        // What a queue does not take of another's dead letters is offered again after a second; unless
        // set, after three minutes.
        let impatient = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 1000}]}].\n";
        write(&self.path("advanced.config"), impatient)?;
        write(&self.path("enabled_plugins"), "[].\n")?;
        write(&self.path("environment"), "")
    }

    /// Makes the command start this node and no other.
    pub(crate) fn apply(&self, command: &mut Command) {
        let ports = self.ports;
        command
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_PORT", ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &self.node)
            .env("RABBITMQ_USE_LONGNAME", "false")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", self.path("environment"))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env("RABBITMQ_CONFIG_FILES", self.path("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", self.path("advanced.config"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", self.path("generated"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"))
            .env("RABBITMQ_PLUGINS_EXPAND_DIR", self.path("plugins"))
            .env("RABBITMQ_MNESIA_BASE", self.path("mnesia"))
            .env("RABBITMQ_MNESIA_DIR", self.path("mnesia").join("node"))
            .env("RABBITMQ_LOG_BASE", self.folder.path())
            .env("RABBITMQ_LOGS", self.log())
            .env("RABBITMQ_PID_FILE", self.path("pid"))
            // Small: two schedulers, no spinning, small tables.
            .env("RABBITMQ_MAX_NUMBER_OF_PROCESSES", "65536")
            .env("RABBITMQ_MAX_NUMBER_OF_ATOMS", "1048576")
            .env("ERL_MAX_PORTS", "8192")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+S 2:2 +SDcpu 2:2 +SDio 2 +A 8 -kernel inet_dist_use_interface {127,0,0,1}",
            )
            // Makes the script become the server, so that a signal reaches the real process.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env_remove("NOTIFY_SOCKET");
    }

    /// The end of what the node has said, to show when it fails.
    pub(crate) fn last_words(&self) -> String {
        const LINES: usize = 30;
        let text: Vec<String> = [self.output(), self.log()]
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
        let text = text.join("\n");
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).doing(|| format!("write {}", path.display()))
}
