use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Replaces this process by a fresh run of the same program with the same arguments, as Python
/// Postage does on the command `restart`. It returns only when that fails.
///
/// Where the program's file was replaced meanwhile, as an update does, the new one is run: the one
/// that the name finds by which this process was started.
///
/// Drain the services first: nothing of this process is left afterwards.
#[must_use]
pub fn restart_program() -> io::Error {
    use std::os::unix::process::CommandExt;

    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut program = match std::env::current_exe() {
        Ok(file) => std::process::Command::new(program(file, name.clone())),
        Err(error) => return error,
    };
    if let Some(name) = name {
        program.arg0(name);
    }
    program.args(arguments).exec()
}

/// The program to run. Linux says ` (deleted)` of a file that is not there any more.
fn program(file: PathBuf, name: Option<OsString>) -> PathBuf {
    match name {
        Some(name) if file.as_os_str().as_bytes().ends_with(b" (deleted)") => name.into(),
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_file_is_gone_is_found_by_the_name_it_was_started_by() {
        let name = || Some(OsString::from("./shop"));
        assert_eq!(program("/opt/shop".into(), name()), PathBuf::from("/opt/shop"));
        assert_eq!(program("/opt/shop (deleted)".into(), name()), PathBuf::from("./shop"));
        let lost = PathBuf::from("/opt/shop (deleted)");
        assert_eq!(program(lost.clone(), None), lost);
    }
}
