use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::error::{Doing, Error};
use crate::locate;
use crate::process::Process;

/// Starts an Erlang name server of the node's own, so that none is left behind as a daemon.
pub(crate) fn start(port: u16) -> Result<Process, Error> {
    let program = locate::epmd()?;
    Command::new(&program)
        .args(["-address", "127.0.0.1", "-port", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(Process::new)
        .doing(|| format!("run {}", program.display()))
}
