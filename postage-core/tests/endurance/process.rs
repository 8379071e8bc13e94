//! What this process has.

use std::fs;

use tokio::runtime::Handle;

use crate::world::until;

/// What must be the same after many losses as before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) tasks: usize,
    pub(crate) threads: usize,
    /// The threads of connections.
    pub(crate) connections: usize,
    pub(crate) resident_kib: usize,
}

impl Process {
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            tasks: Handle::current().metrics().num_alive_tasks(),
            threads: number("Threads:"),
            connections: io_loops(),
            resident_kib: number("VmRSS:"),
        }
    }

    /// What it has when the last loss has left nothing: its connections are as many as they were
    /// when asked twice in a row.
    pub(crate) async fn settled() -> Self {
        let mut last = Self::now();
        until("the tasks and connections to stay the same", async || {
            let before = std::mem::replace(&mut last, Self::now());
            last.tasks == before.tasks && last.connections == before.connections
        })
        .await;
        last
    }

    /// Waits until there are no more tasks and connections than before: what a loss ended may be
    /// about to go.
    pub(crate) async fn until_as_before(before: &Self) -> Self {
        until("the tasks and connections to go", async || {
            let now = Self::now();
            now.tasks <= before.tasks && now.connections <= before.connections
        })
        .await;
        Self::now()
    }
}

/// The threads of lapin's connections. The system cuts their names.
fn io_loops() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "lapin-io-loop").count()
}
