//! Runs one program as a step: announced, timed, and ended when the task is.

use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::interrupt::Interrupt;

const POLL: Duration = Duration::from_millis(50);

/// Runs `work`, and tells on standard error that it runs and how long it took.
pub(crate) fn timed<T>(name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    eprintln!("xtask: {name} ...");
    let begun = Instant::now();
    let outcome = work();
    let result = if outcome.is_ok() { "ok" } else { "FAILED" };
    eprintln!("xtask: {name}: {result} after {:.1} s", begun.elapsed().as_secs_f64());
    outcome
}

/// Runs the command as a step of that name.
pub(crate) fn step(name: &str, interrupt: &Interrupt, command: &mut Command) -> Outcome {
    timed(name, || {
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
        let status = wait(&mut child, interrupt)?;
        if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}").into()) }
    })
}

fn wait(child: &mut Child, interrupt: &Interrupt) -> Outcome<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt.asked() {
            child.kill()?;
            child.wait()?;
            return Err("interrupted".into());
        }
        thread::sleep(POLL);
    }
}
