//! A pool of tasks that handle messages, each one after the other: to make a task for each message
//! would cost more than much of what it does.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::panicking;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How many tasks are kept that have nothing to do.
const MOST_IDLE: usize = 1024;

/// What the tasks do.
pub(super) trait Handle: Send + Sync + 'static {
    type Job: Send + 'static;

    /// Handles one, and answers whether the queue was to be left by the end of it.
    fn handle(&self, job: Self::Job) -> impl Future<Output = bool> + Send;
}

/// Dropped, it ends its tasks wherever they are.
pub(super) struct Workers<H: Handle> {
    tasks: JoinSet<()>,
    shared: Arc<Shared<H>>,
}

struct Shared<H: Handle> {
    handle: H,
    state: Mutex<State<H::Job>>,
}

struct State<J> {
    /// Those that wait for something to do. The last to come is the first to get it, since its memory
    /// is at hand.
    idle: Vec<oneshot::Sender<J>>,
    dismissed: bool,
    /// How many were handed to tasks, and have not ended.
    in_hand: usize,
    /// How many ended after the queue was to be left.
    finished: usize,
}

/// What became of what the tasks had to do when the queue was to be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) finished: usize,
    pub(super) cut_off: usize,
}

impl<H: Handle> Workers<H> {
    pub(super) fn new(handle: H) -> Self {
        let state = State { idle: Vec::new(), dismissed: false, in_hand: 0, finished: 0 };
        let shared = Shared { handle, state: Mutex::new(state) };
        Self { tasks: JoinSet::new(), shared: Arc::new(shared) }
    }

    /// Has this handled: by a task that has nothing to do, or by one more. The caller bounds how many
    /// are handled at once.
    pub(super) fn begin(&mut self, mut job: H::Job) {
        // Those that were too many after a burst.
        if self.tasks.len() > MOST_IDLE {
            self.forget_ended();
        }
        let mut idle = self.shared.take_up();
        while let Some(task) = idle {
            match task.send(job) {
                Ok(()) => return,
                // It was ended meanwhile.
                Err(back) => job = back,
            }
            idle = self.shared.state().idle.pop();
        }
        self.forget_ended();
        self.tasks.spawn(Arc::clone(&self.shared).work(job));
    }

    /// Nothing more comes: each task ends with what it does.
    pub(super) fn dismiss(&self) {
        let mut state = self.shared.state();
        state.dismissed = true;
        let idle = mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// Waits until the tasks have ended, which [`Workers::dismiss`] or [`Workers::cut_off`] has them
    /// do; the answer is what came of it. Cancel-safe.
    pub(super) async fn ended(&mut self) -> Ended {
        while self.tasks.join_next().await.is_some() {}
        let state = self.shared.state();
        Ended { finished: state.finished, cut_off: state.in_hand }
    }

    /// Ends the tasks wherever they are.
    pub(super) fn cut_off(&mut self) {
        self.tasks.abort_all();
    }

    fn forget_ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }
}

impl<H: Handle> Shared<H> {
    fn state(&self) -> MutexGuard<'_, State<H::Job>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more is in hand; the answer is who may handle it.
    fn take_up(&self) -> Option<oneshot::Sender<H::Job>> {
        let mut state = self.state();
        state.in_hand += 1;
        state.idle.pop()
    }

    async fn work(self: Arc<Self>, first: H::Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            let broken = BrokenDown(&self);
            let was_left = self.handle.handle(job).await;
            drop(broken);
            next = match self.has_ended(was_left) {
                Some(next) => next.await.ok(),
                None => None,
            };
        }
    }

    /// One has ended. The task takes its place among those that wait for another, unless none comes or
    /// enough wait.
    fn has_ended(&self, was_left: bool) -> Option<oneshot::Receiver<H::Job>> {
        let (sender, next) = oneshot::channel();
        let mut state = self.state();
        state.ended(was_left);
        if state.dismissed || state.idle.len() >= MOST_IDLE {
            return None;
        }
        state.idle.push(sender);
        Some(next)
    }
}

/// Counts what a task had in hand that panics: what its users give a service may.
struct BrokenDown<'a, H: Handle>(&'a Shared<H>);

impl<H: Handle> Drop for BrokenDown<'_, H> {
    fn drop(&mut self) {
        if panicking() {
            let mut state = self.0.state();
            let was_left = state.dismissed;
            state.ended(was_left);
        }
    }
}

impl<J> State<J> {
    fn ended(&mut self, was_left: bool) {
        self.in_hand = self.in_hand.saturating_sub(1);
        self.finished += usize::from(was_left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    /// Handles what it is let, and says so.
    struct Gate {
        open: Arc<Semaphore>,
        handled: Arc<Semaphore>,
    }

    enum Job {
        Pass,
        /// After the queue was to be left.
        PassLate,
        Panic,
    }

    impl Handle for Gate {
        type Job = Job;

        async fn handle(&self, job: Job) -> bool {
            self.open.acquire().await.unwrap().forget();
            self.handled.add_permits(1);
            #[allow(clippy::panic)]
            match job {
                Job::Pass => false,
                Job::PassLate => true,
                Job::Panic => panic!("a bug"),
            }
        }
    }

    fn gated() -> (Workers<Gate>, Arc<Semaphore>, Arc<Semaphore>) {
        let (open, handled) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let gate = Gate { open: Arc::clone(&open), handled: Arc::clone(&handled) };
        (Workers::new(gate), open, handled)
    }

    async fn until(handled: &Semaphore, count: u32) {
        let all = timeout(Duration::from_secs(10), handled.acquire_many(count));
        all.await.expect("they are handled").unwrap().forget();
    }

    /// Until those that have handled something wait for more.
    async fn until_idle(workers: &Workers<Gate>, count: usize) {
        let idle = async {
            while workers.shared.state().idle.len() < count {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), idle).await.expect("they wait");
    }

    #[tokio::test]
    async fn there_are_as_many_tasks_as_were_busy_at_once() {
        let (mut workers, open, handled) = gated();
        open.add_permits(3);
        for _ in 0..3 {
            workers.begin(Job::Pass);
            until(&handled, 1).await;
            until_idle(&workers, 1).await;
        }
        assert_eq!(workers.tasks.len(), 1);
        (0..3).for_each(|_| workers.begin(Job::Pass));
        assert_eq!(workers.tasks.len(), 3);
        open.add_permits(3);
        until(&handled, 3).await;
        workers.dismiss();
        assert_eq!(workers.ended().await, Ended { finished: 0, cut_off: 0 });
    }

    #[tokio::test]
    async fn no_more_tasks_are_kept_than_may_be_idle() {
        let (mut workers, open, handled) = gated();
        let many = MOST_IDLE + 10;
        (0..many).for_each(|_| workers.begin(Job::Pass));
        open.add_permits(many);
        until(&handled, many as u32).await;
        until_idle(&workers, MOST_IDLE).await;
        open.add_permits(many);
        let trimmed = async {
            while workers.tasks.len() > MOST_IDLE {
                workers.begin(Job::Pass);
                until(&handled, 1).await;
            }
        };
        timeout(Duration::from_secs(10), trimmed).await.expect("the others are forgotten");
        assert_eq!(workers.tasks.len(), MOST_IDLE);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_is_counted_once_where_tasks_end_while_others_begin() {
        let (mut workers, open, handled) = gated();
        open.add_permits(10_000);
        for number in 0..10_000 {
            workers.begin(if number % 1_000 == 0 { Job::Panic } else { Job::PassLate });
            if number % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
        until(&handled, 10_000).await;
        (0..100).for_each(|_| workers.begin(Job::PassLate));
        open.add_permits(50);
        workers.cut_off();
        let Ended { finished, cut_off } = workers.ended().await;
        let passed = handled.available_permits();
        assert_eq!((finished, cut_off), (9_990 + passed, 100 - passed));
    }

    #[tokio::test]
    async fn what_was_begun_is_counted_once_however_it_ends() {
        let (mut workers, open, handled) = gated();
        for job in [Job::Pass, Job::PassLate, Job::Panic] {
            workers.begin(job);
            open.add_permits(1);
            until(&handled, 1).await;
        }
        [Job::Panic, Job::PassLate].into_iter().for_each(|job| workers.begin(job));
        // Those two wait at the gate before the others.
        tokio::task::yield_now().await;
        (0..3).for_each(|_| workers.begin(Job::PassLate));
        workers.dismiss();
        open.add_permits(2);
        until(&handled, 2).await;
        assert!(workers.ended().now_or_never().is_none(), "three are not let pass");
        workers.cut_off();
        // The panic before the end is nothing to it.
        assert_eq!(workers.ended().await, Ended { finished: 3, cut_off: 3 });
    }

    #[tokio::test]
    async fn what_a_task_got_that_was_ended_before_it_began_is_cut_off() {
        let (mut workers, open, handled) = gated();
        open.add_permits(1);
        workers.begin(Job::Pass);
        until(&handled, 1).await;
        until_idle(&workers, 1).await;
        // One for the task that waits, and one for a new task; neither has run by then.
        workers.begin(Job::Pass);
        workers.begin(Job::Pass);
        workers.cut_off();
        assert_eq!(workers.ended().await, Ended { finished: 0, cut_off: 2 });
    }
}
