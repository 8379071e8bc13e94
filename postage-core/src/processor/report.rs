//! What a caller that asked for it is told of its call before the result. One task for each such
//! call tells it, so that handlers need not wait, and in this order: accepted, started, progress.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::dedup::Answer;
use super::lasting::text;
use super::replier::{Address, Origin};
use crate::error::SendError;
use crate::headers;
use crate::limits::after;
use crate::link::Link;
use crate::message::{
    ACCEPTED, Codec, CodecError, EncodeError, HEARTBEAT, Identity, PROGRESS, REJECTED, Reason,
    STARTED, STATUS, encode_status, write_progress,
};
use crate::topology::{FieldValue, Route};
use crate::transport::{Properties, Publication, TransportError};

/// The largest content of a progress, in bytes.
const MOST_PROGRESS: usize = 64 * 1024;

/// How long a status waits in a queue that lasts.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What a request asks to be told.
#[derive(Debug)]
pub(super) struct Asked {
    statuses: bool,
    heartbeat: Option<Duration>,
    /// The caller's own data, returned in each status.
    data: Option<Cow<'static, str>>,
    /// What the statuses are for, at a queue that lasts.
    answer: Option<Cow<'static, str>>,
}

impl Asked {
    /// Nothing, where the request asks for nothing.
    pub(super) fn by(request: &Properties) -> Option<Self> {
        let statuses = request.header(headers::STATUSES) == Some(&FieldValue::Bool(true));
        let heartbeat = request.header(headers::HEARTBEAT).and_then(FieldValue::as_int);
        if !statuses && heartbeat.is_none() {
            return None;
        }
        let heartbeat = heartbeat.map(|millis| {
            let every = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
            every.clamp(headers::SHORTEST_HEARTBEAT, headers::LONGEST_HEARTBEAT)
        });
        let (data, answer) = (text(request, headers::DATA), text(request, headers::ANSWER));
        Some(Self { statuses, heartbeat, data, answer })
    }
}

/// How the statuses of a call are sent.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) link: Arc<Link>,
    pub(super) codec: Arc<dyn Codec>,
    pub(super) identity: Identity,
    /// The application that tells.
    pub(super) from: Option<Arc<Origin>>,
    pub(super) asked: Asked,
    /// The time between one progress and the next.
    pub(super) progress_every: Duration,
}

/// The reports on one call. They end with it.
#[derive(Debug)]
pub(crate) struct Report {
    outbox: Arc<Outbox>,
    /// Whether the caller asked for more than heartbeats.
    statuses: bool,
    /// Whether the handler says by itself that it accepts.
    accepted_by_handler: bool,
    task: JoinHandle<()>,
}

impl Drop for Report {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is to be told.
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
    /// Cancelled when nothing more is told.
    over: CancellationToken,
    /// What the call was answered.
    answer: OnceLock<Answer>,
    /// Somebody waits until a progress is told.
    #[cfg(feature = "testing")]
    told: Notify,
}

#[derive(Debug)]
struct State {
    to: Address,
    reached: Stage,
    told: Stage,
    /// The content of the newest progress, and whether it is still to be told.
    progress: Vec<u8>,
    progress_is_due: bool,
    /// Whether one that cannot be told was logged: a handler may say it at each step.
    warned: bool,
    rejected: Option<String>,
    /// Over when another copy of the request is told no more. Until then this one is told nothing,
    /// and after that heartbeats only, unless it is worked on.
    aside: Option<CancellationToken>,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Stage {
    Here,
    Accepted,
    Started,
}

/// What a task that tells does next.
enum Next {
    Tell(&'static str, Content),
    /// Nothing now; a progress, where there is one, as soon as its time has come. No heartbeats
    /// before another copy of the request is told no more.
    Wait {
        progress: bool,
        aside: Option<CancellationToken>,
    },
    End,
}

#[derive(Clone)]
enum Content {
    Nothing,
    Progress(Vec<u8>),
    Reason(String),
}

impl Report {
    /// Begins to tell the caller of a request that is here. Where another copy of it is worked on,
    /// that one goes on to tell, at this one's address.
    pub(super) fn begin(
        to: Address,
        teller: Teller,
        accepted_by_handler: bool,
        working: Option<&Outbox>,
    ) -> Self {
        let reached = if accepted_by_handler { Stage::Here } else { Stage::Accepted };
        let statuses = teller.asked.statuses;
        let outbox = Arc::new(Outbox {
            state: Mutex::new(State {
                to,
                reached,
                told: Stage::Here,
                progress: Vec::new(),
                progress_is_due: false,
                warned: false,
                rejected: None,
                aside: working.map(|working| working.over.clone()),
                ended: false,
            }),
            changed: Notify::new(),
            over: CancellationToken::new(),
            answer: OnceLock::new(),
            #[cfg(feature = "testing")]
            told: Notify::new(),
        });
        let over = outbox.over.clone().drop_guard();
        let task = tokio::spawn(tell(Arc::clone(&outbox), teller, over));
        Self { outbox, statuses, accepted_by_handler, task }
    }

    /// The handler begins.
    pub(super) fn started(&self) {
        if !self.accepted_by_handler {
            self.accept();
        }
    }

    /// The handler works on the call.
    pub(super) fn accept(&self) {
        self.change(|state| state.reached = Stage::Started);
    }

    pub(super) fn progress(&self, completed: u64, total: u64, details: &impl Serialize) {
        if !self.statuses {
            return;
        }
        self.change(|state| {
            state.reached = Stage::Started;
            let written = write_progress(&mut state.progress, completed, total, details);
            let bytes = state.progress.len();
            state.progress_is_due = written.is_ok() && bytes <= MOST_PROGRESS;
            if state.progress_is_due {
                return;
            }
            state.progress = Vec::new();
            if !std::mem::replace(&mut state.warned, true) {
                let why = written.err().map_or_else(
                    || format!("it has {bytes} bytes, over the limit of {MOST_PROGRESS} bytes"),
                    |error| error.to_string(),
                );
                tracing::warn!(why, "a progress is not told, because of its details");
            }
        });
    }

    pub(super) fn reject(&self, reason: &str) {
        self.change(|state| state.rejected = Some(reason.to_owned()));
    }

    /// The call is answered so, once what is still to be told was told.
    pub(super) fn answered(&self, answer: Answer) {
        drop(self.outbox.answer.set(answer));
    }

    /// Tells what is still to be told, and no more. The result comes after it.
    pub(super) async fn finish(&self) {
        self.change(|state| state.ended = true);
        self.outbox.over.cancelled().await;
    }

    /// Waits until the newest progress is told.
    #[cfg(feature = "testing")]
    pub(super) async fn progress_is_told(&self) {
        while self.outbox.state().progress_is_due && !self.outbox.over.is_cancelled() {
            tokio::select! {
                () = self.outbox.told.notified() => {}
                () = self.outbox.over.cancelled() => {}
            }
        }
    }

    /// Tells no more, whatever is still to be told.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// Another copy of the request is worked on, and told instead of this one from now on.
    pub(super) fn step_aside(&self, working: &Outbox) {
        let mut state = self.outbox.state();
        let news = state.aside.replace(working.over.clone()).is_none();
        let to = state.to.clone();
        drop(state);
        self.outbox.changed.notify_one();
        // Else it was so when this copy came, and a later one may have come since.
        if news {
            working.tell_at(to, false);
        }
    }

    /// This copy of the request is the one that is worked on.
    pub(super) fn works(&self) {
        self.change(|state| state.aside = None);
    }

    pub(super) const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.outbox.state();
        if !state.ended {
            change(&mut state);
        }
        drop(state);
        self.outbox.changed.notify_one();
    }
}

impl Outbox {
    /// Tells a copy of the request from now on: its caller may have another address since. What was
    /// said is said again there, and where it may have been lost.
    pub(super) fn tell_at(&self, to: Address, may_be_lost: bool) {
        let mut state = self.state();
        if state.to != to || may_be_lost {
            state.to = to;
            state.told = Stage::Here;
            state.progress_is_due = !state.progress.is_empty();
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Waits until nothing more is told, and answers what the call was answered, if it was.
    pub(super) async fn answer(&self) -> Option<Answer> {
        self.over.cancelled().await;
        self.answer.get().cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next status in the order of the work. At the end no progress waits for its time.
    fn next(&mut self, statuses: bool, progress_may_go: bool) -> Next {
        if self.aside.is_some() || !statuses {
            let aside = self.aside.clone().filter(|aside| !aside.is_cancelled());
            return if self.ended { Next::End } else { Next::Wait { progress: false, aside } };
        }
        if self.told < Stage::Accepted && self.reached >= Stage::Accepted {
            self.told = Stage::Accepted;
            return Next::Tell(ACCEPTED, Content::Nothing);
        }
        if self.told < Stage::Started && self.reached >= Stage::Started {
            self.told = Stage::Started;
            return Next::Tell(STARTED, Content::Nothing);
        }
        if self.progress_is_due && (progress_may_go || self.ended) {
            self.progress_is_due = false;
            return Next::Tell(PROGRESS, Content::Progress(self.progress.clone()));
        }
        if let Some(reason) = self.rejected.take() {
            return Next::Tell(REJECTED, Content::Reason(reason));
        }
        match self.ended {
            true => Next::End,
            false => Next::Wait { progress: self.progress_is_due, aside: None },
        }
    }

    /// Takes back that something was told, which was not.
    fn not_told(&mut self, name: &str, content: Content) {
        let unsaid = |told: Stage, stage: Stage| if told > stage { stage } else { told };
        match (name, content) {
            (ACCEPTED, _) => self.told = unsaid(self.told, Stage::Here),
            (STARTED, _) => self.told = unsaid(self.told, Stage::Accepted),
            (PROGRESS, _) => self.progress_is_due = !self.progress.is_empty(),
            (_, Content::Reason(reason)) => drop(self.rejected.get_or_insert(reason)),
            _ => {}
        }
    }
}

/// Tells what there is to tell, until the call has ended.
async fn tell(outbox: Arc<Outbox>, teller: Teller, _over: DropGuard) {
    let mut progress_from = Instant::now();
    let mut beat = progress_from;
    loop {
        let now = Instant::now();
        let next = outbox.state().next(teller.asked.statuses, now >= progress_from);
        let (name, content) = match next {
            Next::End => return,
            Next::Tell(name, content) => (name, content),
            Next::Wait { progress, aside } => {
                let beats = teller.asked.heartbeat.is_some() && aside.is_none();
                if !beats || now < beat {
                    tokio::select! {
                        biased;
                        () = outbox.changed.notified() => {}
                        () = sleep_until(progress_from), if progress => {}
                        () = sleep_until(beat), if beats => {}
                        () = cancelled(aside.as_ref()) => {}
                    }
                    continue;
                }
                (HEARTBEAT, Content::Nothing)
            }
        };
        let to = outbox.state().to.clone();
        let session = teller.link.session();
        match teller.tell(to, name, content.clone()).await {
            Ok(()) => {
                #[cfg(feature = "testing")]
                outbox.told.notify_one();
            }
            // It is told over the next connection, unless the call is over before.
            Err(SendError::Disconnected { reason }) => {
                outbox.state().not_told(name, content);
                let lost = TransportError::Disconnected { reason };
                if teller.link.after_loss(session, lost).await.is_err() {
                    return;
                }
                continue;
            }
            Err(error) => tracing::warn!(%error, status = name, "a status could not be sent"),
        }
        let now = Instant::now();
        beat = now + teller.asked.heartbeat.unwrap_or_default();
        if name == PROGRESS {
            progress_from = after(now, teller.progress_every);
        }
    }
}

async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

impl Teller {
    /// It is not confirmed: the next one says as much, and so does the result. But where the answer is
    /// to last, it is: that goes another way, and shall not come before it.
    async fn tell(
        &self,
        to: Address,
        name: &'static str,
        content: Content,
    ) -> Result<(), SendError> {
        let unsealed = |error: CodecError| EncodeError::Codec {
            name: format!("status `{name}`"),
            reason: error.to_string(),
        };
        let json = self.json(name, content)?;
        let body = self.link.seal(&*self.codec, json).map_err(unsealed)?;
        let mut properties = Properties {
            content_type: Some(self.codec.content_type().to_owned().into()),
            correlation_id: to.correlation_id.map(Into::into),
            kind: Some(STATUS.into()),
            app_id: self.from.as_deref().map(|from| from.address.clone().into()),
            ..Properties::default()
        };
        let Asked { data, answer, .. } = &self.asked;
        for (header, text) in [(headers::DATA, data), (headers::ANSWER, answer)] {
            if let Some(text) = text {
                properties.set_header(header, text.clone());
            }
        }
        // They must not keep the answers out of a queue that nobody reads for now.
        properties.expiration = answer.as_ref().map(|_| KEPT_FOR);
        let route = Route::to_queue(to.reply_to);
        let lasts = answer.is_some();
        let status = Publication::new(route, properties, body).mandatory(false).confirm(lasts);
        Ok(self.link.publish(status).await?)
    }

    fn json(&self, name: &'static str, content: Content) -> Result<Vec<u8>, EncodeError> {
        match content {
            Content::Nothing => encode_status(name, (), &self.identity),
            Content::Reason(reason) => {
                encode_status(name, Reason { reason: &reason }, &self.identity)
            }
            Content::Progress(json) => {
                let content: &RawValue = serde_json::from_slice(&json).map_err(|error| {
                    EncodeError::Content { name: name.to_owned(), reason: error.to_string() }
                })?;
                encode_status(name, content, &self.identity)
            }
        }
    }
}
