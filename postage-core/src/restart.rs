use std::io;

/// Replaces this process by a fresh run of the same program with the same arguments, as Python
/// Postage does on the command `restart`. It returns only when that fails.
///
/// Drain the services first: nothing of this process is left afterwards.
#[cfg(unix)]
#[must_use]
pub fn restart_program() -> io::Error {
    use std::os::unix::process::CommandExt;

    match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    }
}
