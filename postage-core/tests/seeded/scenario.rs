//! One run: services that share a queue, sends and calls, faults; then quiet, and the books checked.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use postage_core::transport::{
    FaultLog, Faults, FaultyTransport, MemoryTransport, Settlement, Source, Transport,
};
use postage_core::{
    Broker, CallError, CallFault, DeadLetters, Drained, Envelope, Fingerprint, Peer, Producer,
    Queue, Retry, SendError, ServeError, Serving, TransportError,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::ledger::Ledger;
use crate::service::{ATTEMPTS, DEAD, DESK, Desk, QUEUE, is_poison, is_refused};

const SENDS: u32 = 30;
const CALLS: u32 = 30;
const ATTEMPT: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(4);
/// Timers keep whole milliseconds.
const GRAIN: Duration = Duration::from_millis(2);
/// Longer than any handler, delay and pause together.
const DRAIN: Duration = Duration::from_secs(10);
/// In paused time: what takes longer hangs.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// How a run differs from others besides its faults.
#[derive(Debug)]
struct Plan {
    services: usize,
    prefetch: u16,
    /// Whether the last of two services is drained half-way.
    one_leaves: bool,
    kind: usize,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut generator = fastrand::Rng::with_seed(!seed);
        let services = generator.usize(1..=2);
        let prefetch = [4, 10, 100][generator.usize(..3)];
        let one_leaves = services == 2 && generator.bool();
        Self { services, prefetch, one_leaves, kind: generator.usize(..4) }
    }

    fn faults(&self, seed: u64) -> Faults {
        let pause = Duration::from_millis(400);
        match self.kind {
            0 => Faults::seeded(seed),
            1 => Faults::seeded(seed).disconnects(0.03, pause),
            2 => Faults::seeded(seed).lost_publications(0.1).lost_confirms(0.1),
            _ => Faults::seeded(seed)
                .doubled_publications(0.1)
                .doubled_deliveries(0.1)
                .reorderings(0.5, 6)
                .delays(0.5, pause),
        }
    }
}

/// What became of a run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) plan: String,
    pub(crate) log: FaultLog,
    pub(crate) broken: Vec<String>,
    pub(crate) tally: Tally,
}

/// What happened in a run, or in all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) faults: usize,
    pub(crate) confirmed: usize,
    pub(crate) handled: usize,
    pub(crate) dead: usize,
    pub(crate) answered: usize,
    pub(crate) timed_out: usize,
    pub(crate) disconnected: usize,
    pub(crate) drained: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.faults += other.faults;
        self.confirmed += other.confirmed;
        self.handled += other.handled;
        self.dead += other.dead;
        self.answered += other.answered;
        self.timed_out += other.timed_out;
        self.disconnected += other.disconnected;
        self.drained += other.drained;
    }
}

/// Runs one seed in a runtime of its own.
pub(crate) fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let plan = Plan::of(seed);
    let mut books = Books::default();
    let log = runtime.block_on(async {
        let memory = MemoryTransport::new();
        let transport = FaultyTransport::new(memory.connect(), plan.faults(seed));
        let ended = timeout(AN_HOUR, play(&plan, &memory, &transport, &mut books)).await;
        books.check(ended.is_ok(), || "the run hangs".to_owned());
        transport.log()
    });
    let Books { broken, mut tally } = books;
    tally.faults = log.faults.len();
    Run { seed, plan: format!("{plan:?}"), log, broken, tally }
}

/// What is found out in a run.
#[derive(Default)]
struct Books {
    broken: Vec<String>,
    tally: Tally,
}

impl Books {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(what());
        }
    }
}

struct Post {
    serving: Serving,
    ledger: Ledger,
}

async fn play(
    plan: &Plan,
    memory: &MemoryTransport,
    transport: &FaultyTransport,
    books: &mut Books,
) {
    memory.declare_queue(&Queue::new(DEAD).durable(true)).await.expect("a queue");
    let mut posts = Vec::new();
    for _ in 0..plan.services {
        posts.push(serve(plan, transport.connect()).await);
    }
    let broker = Broker::over(transport.clone());
    let mut sends = JoinSet::new();
    let mut calls = JoinSet::new();
    let producer = Producer::new(&broker, Fingerprint::new("test", "test")).eks([(DESK, "desk")]);
    (0..SENDS).for_each(|n| drop(sends.spawn(send(producer.clone(), n))));
    (0..CALLS).for_each(|n| drop(calls.spawn(call(producer.clone(), n))));

    let mut ledgers: Vec<_> = posts.iter().map(|post| post.ledger.clone()).collect();
    if plan.one_leaves
        && let Some(leaver) = posts.pop()
    {
        sleep(Duration::from_millis(400)).await;
        drain(leaver, books).await;
    }
    let mut confirmed = Vec::new();
    while let Some(sent) = sends.join_next().await {
        match sent.expect("a send ends") {
            (n, Ok(())) => confirmed.push(n),
            (n, Err(error)) => books.broken.push(format!("send {n}: {error:?}")),
        }
    }
    while let Some(ended) = calls.join_next().await {
        let (n, answer, took) = ended.expect("a call ends");
        check_call(n, answer, took, books);
    }
    transport.calm();
    // Retries come back, held deliveries come, lost connections are made again.
    sleep(Duration::from_secs(30)).await;
    for post in posts {
        let (before, left) = drain(post, books).await;
        let quiet = before == 0 && left == Drained::default();
        books.check(quiet, || format!("work was left when all was quiet: {before}, {left:?}"));
    }
    books.tally.confirmed = confirmed.len();
    check_ledgers(&mut ledgers, &confirmed, books);
    check_queues(memory, &confirmed, books).await;
}

/// Serves, again where the connection is lost at it.
async fn serve(plan: &Plan, transport: FaultyTransport) -> Post {
    let broker = Broker::over(transport);
    let ledger = Ledger::default();
    loop {
        let service = broker
            .serve(Desk { ledger: ledger.clone() })
            .prefetch(plan.prefetch)
            .retry(Retry::new(ATTEMPTS).first_pause(Duration::from_millis(100)));
        match service.await {
            Ok(serving) => return Post { serving, ledger },
            Err(ServeError::Transport(TransportError::Disconnected { .. })) => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("the service cannot start: {error}"),
        }
    }
}

async fn send(producer: Producer, n: u32) -> (u32, Result<(), SendError>) {
    sleep(Duration::from_millis(u64::from(n * 29 % 900))).await;
    (n, producer.command("note", BTreeMap::from([("n", n)])).await)
}

type Called = Result<u32, CallError<String>>;

async fn call(producer: Producer, n: u32) -> (u32, Called, Duration) {
    sleep(Duration::from_millis(u64::from(n * 31 % 900))).await;
    let began = Instant::now();
    let peer = if n % 8 == 1 { Peer::Python } else { Peer::Postage };
    let call = producer
        .call::<u32, CallError<String>>(Envelope::rpc("double", BTreeMap::from([("n", n)])));
    let answer = call.timeout(ATTEMPT).max_retry(8).deadline(DEADLINE).peer(peer).await;
    (n, answer, began.elapsed())
}

fn check_call(n: u32, answer: Called, took: Duration, books: &mut Books) {
    books.check(took <= DEADLINE + GRAIN, || format!("call {n} took {took:?}"));
    match answer {
        Ok(value) if !is_refused(n) && value == n * 2 => books.tally.answered += 1,
        Err(CallError::Documented(text)) if is_refused(n) && text == format!("no {n}") => {
            books.tally.answered += 1;
        }
        Err(CallError::Fault(CallFault::TimedOut { .. })) => books.tally.timed_out += 1,
        Err(CallError::Fault(CallFault::Disconnected { .. })) => books.tally.disconnected += 1,
        other => books.broken.push(format!("call {n} ended with {other:?}")),
    }
}

/// Drains a service, and answers how many of its handlers were running and what it reports.
async fn drain(post: Post, books: &mut Books) -> (usize, Drained) {
    let Post { serving, ledger } = post;
    let running = ledger.pages().running;
    let began = Instant::now();
    let left = serving.drain(DRAIN).await;
    let took = began.elapsed();
    ledger.drained();
    let still = ledger.pages().running;
    books.tally.drained += 1;
    books.check(took <= DRAIN + GRAIN, || format!("a drain took {took:?}"));
    books.check(still == 0, || format!("{still} handler(s) run after the drain: {left:?}"));
    books.check(left.cut_off == 0 && left.finished >= running, || {
        format!("{running} handler(s) ran when it was drained, and it reports {left:?}")
    });
    (running, left)
}

fn check_ledgers(ledgers: &mut [Ledger], confirmed: &[u32], books: &mut Books) {
    let mut handled: BTreeMap<u32, usize> = BTreeMap::new();
    for ledger in ledgers {
        let pages = ledger.pages();
        for (id, times) in pages.done.iter().filter(|(_, times)| **times > 1) {
            books.broken.push(format!("one service ran message {id} {times} times"));
        }
        let (late, without) = (pages.after_the_end, pages.without_id);
        books.check(late == 0, || format!("{late} handler(s) began after the drain"));
        books.check(without == 0, || format!("{without} message(s) had no id"));
        for (n, times) in &pages.notes {
            *handled.entry(*n).or_default() += times;
        }
    }
    books.tally.handled = handled.values().sum();
    for n in confirmed.iter().filter(|n| !is_poison(**n) && !handled.contains_key(n)) {
        books.broken.push(format!("note {n} was confirmed and never handled"));
    }
}

/// Looks for what is left in the queues, over a connection without faults.
async fn check_queues(memory: &MemoryTransport, confirmed: &[u32], books: &mut Books) {
    let left = rest_of(memory, QUEUE).await;
    books.check(left == 0, || format!("{left} message(s) are left in `{QUEUE}`"));
    for pause in [100, 200] {
        let left = rest_of(memory, &format!("{QUEUE}.retry.q.{pause}")).await;
        books.check(left == 0, || format!("{left} message(s) wait {pause} ms for ever"));
    }
    let broker = Broker::over(memory.connect());
    let mut letters = DeadLetters::open(&broker, DEAD).await.expect("the dead letters");
    let mut found: BTreeMap<u32, usize> = BTreeMap::new();
    while let Some(Ok(Some(letter))) = soon(letters.next()).await {
        let error = letter.error().unwrap_or_default().to_owned();
        let n = error.strip_prefix("note ").and_then(|text| text.strip_suffix(" failed"));
        let failures = letter.failures();
        match n.and_then(|n| n.parse().ok()) {
            Some(n) if is_poison(n) && failures == ATTEMPTS => *found.entry(n).or_default() += 1,
            // A request whose caller has left expires in the queue, or at the service.
            None if is_request(letter.body())
                && ["", "its time was up before a handler was free"].contains(&&*error) => {}
            _ => books.broken.push(format!("a dead letter after {failures}: {error}")),
        }
        letter.discard().await.expect("it is settled");
    }
    books.tally.dead = found.values().sum();
    for n in confirmed.iter().filter(|n| is_poison(**n) && !found.contains_key(n)) {
        books.broken.push(format!("note {n} always failed and is no dead letter"));
    }
}

fn is_request(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains(r#""category":"rpc""#)
}

/// How many messages are in a queue; none in one that has gone.
async fn rest_of(memory: &MemoryTransport, queue: &str) -> usize {
    let Ok(mut subscription) = memory.consume(Source::new(queue.to_owned())).await else {
        return 0;
    };
    let mut count = 0;
    while let Some(Ok(Some(delivery))) = soon(subscription.next()).await {
        delivery.settle(Settlement::Ack).await.expect("it is settled");
        count += 1;
    }
    count
}

async fn soon<F: Future>(next: F) -> Option<F::Output> {
    timeout(Duration::from_millis(10), next).await.ok()
}
