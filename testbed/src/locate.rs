use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// The server's own start script.
///
/// The one on the `PATH` may be a distribution's wrapper, which changes user as root and then
/// fails on folders that it does not own; so the server's library folder is looked at first.
pub(crate) fn server_script() -> Result<PathBuf, Error> {
    let installed = ["/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/sbin"];
    installed
        .iter()
        .map(|folder| Path::new(folder).join("rabbitmq-server"))
        .find(|script| script.is_file())
        .or_else(|| on_path("rabbitmq-server"))
        .ok_or(Error::Missing { program: "rabbitmq-server" })
}

/// The program that tells a running node what to do, beside the server's script.
pub(crate) fn control_script() -> Result<PathBuf, Error> {
    let beside = server_script()?.with_file_name("rabbitmqctl");
    let beside = Some(beside).filter(|script| script.is_file());
    beside.or_else(|| on_path("rabbitmqctl")).ok_or(Error::Missing { program: "rabbitmqctl" })
}

/// Erlang's name server, which a node needs to start.
pub(crate) fn epmd() -> Result<PathBuf, Error> {
    on_path("epmd")
        .or_else(|| Some(PathBuf::from("/usr/bin/epmd")).filter(|path| path.is_file()))
        .ok_or(Error::Missing { program: "epmd" })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
