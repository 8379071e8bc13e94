//! Notices that the broker says nothing any more.
//!
//! A broker with nothing to say sends a heartbeat, at the latest one negotiated interval after what
//! it sent last. lapin looks for them each half interval, so it notices the end of them after 2 to
//! 2.5 intervals; and not at all once it has begun its farewell, so that the thread of a connection
//! that was dropped before a silent broker stays until the system gives the socket up. This clock
//! stands between the socket and lapin, in the farewell too. The log-in before it has a limit of
//! its own.
//!
//! What counts is what the reader finds: when the time is up it is woken, and only when there is
//! still nothing to read, it fails. So a program that was itself held up does not take what waits
//! in its socket for silence, as far as this clock goes: lapin's own may still end a connection whose
//! program was held up for about two intervals, and so may the broker, which heard nothing meanwhile.
//! Over TLS what counts is what comes out of it: a part of a record is nothing yet.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::wire::Switch;

/// The last thing that was heard, and how long nothing more may be heard.
#[derive(Debug)]
pub(super) struct Ear {
    since: Instant,
    /// In milliseconds after `since`.
    heard: AtomicU64,
    /// Unset while the log-in runs, and where the broker sends no heartbeats.
    limit: OnceLock<Duration>,
}

impl Default for Ear {
    fn default() -> Self {
        Self { since: Instant::now(), heard: AtomicU64::new(0), limit: OnceLock::new() }
    }
}

impl Ear {
    /// Something was heard now.
    pub(super) fn heard(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(millis, Ordering::Relaxed);
    }

    /// How much longer nothing may be heard; none where there is no limit.
    pub(super) fn left(&self) -> Option<Duration> {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        let silent = self.since.elapsed().saturating_sub(heard);
        self.limit.get().map(|limit| limit.saturating_sub(silent))
    }

    pub(super) fn is_watched(&self) -> bool {
        self.limit.get().is_some()
    }
}

/// What is said of a silence that has lasted too long.
pub(super) fn words(ear: &Ear) -> String {
    format!("the broker was silent for {:?}", ear.limit.get().copied().unwrap_or_default())
}

/// From now on the switch is turned off before nothing was read for two of these intervals, in
/// seconds; never where they are 0. The clock goes when the switch is off, and that is when the
/// stream is gone.
pub(super) fn watch(switch: &Switch, heartbeat: u16) {
    let interval = Duration::from_secs(heartbeat.into());
    // The rest of two intervals is for the reader to look and for others to be told.
    if heartbeat == 0 || switch.ear().limit.set(interval * 19 / 10).is_err() {
        return;
    }
    let switch = switch.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = switch.off() => {}
            () = look(&switch, interval / 20) => switch.silent(),
        }
    });
}

/// Waits until the silence has lasted too long, also for the reader within this grace.
async fn look(switch: &Switch, grace: Duration) {
    while let Some(left) = switch.ear().left() {
        if !left.is_zero() {
            sleep(left).await;
            continue;
        }
        switch.wake_reader();
        sleep(grace).await;
        if switch.ear().left().is_some_and(|left| left.is_zero()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn watched() -> Switch {
        let switch = Switch::default();
        watch(&switch, 10);
        switch
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_within_two_intervals_and_not_within_one_and_a_half() {
        let switch = watched();
        let since = Instant::now();
        timeout(INTERVAL * 2, switch.off()).await.unwrap();
        assert!(since.elapsed() > INTERVAL * 3 / 2, "noticed after {:?}", since.elapsed());
        let why = switch.check().unwrap_err().to_string();
        assert!(why.contains("silent"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_heard_once_each_interval_is_not_silent() {
        let switch = watched();
        for _ in 0..20 {
            advance(INTERVAL).await;
            switch.ear().heard();
            assert!(timeout(INTERVAL / 10, switch.off()).await.is_err());
        }
        timeout(INTERVAL * 2, switch.off()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_reader_finds_when_it_is_woken_counts() {
        let switch = watched();
        advance(INTERVAL * 5).await;
        switch.ear().heard();
        let since = Instant::now();
        switch.off().await;
        assert!(since.elapsed() > INTERVAL * 3 / 2, "noticed after {:?}", since.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn without_heartbeats_there_is_no_clock() {
        let switch = Switch::default();
        watch(&switch, 0);
        assert!(timeout(INTERVAL * 1000, switch.off()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_when_the_switch_is_off() {
        let switch = watched();
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks(), 1);
        switch.turn_off();
        timeout(INTERVAL / 10, async {
            while tasks() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}
