//! The service behind a mock.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::Canned;
use super::canned::{Answer, Documented, Step};
use super::parameters::{in_order, parameters_of};
use crate::contract::{Contract, Method};
use crate::message::Category;
use crate::processor::{AnyProcessor, Outcome, Prepared, Reply, Request};
use crate::transport::BoxFuture;

/// What answers a method; the error is a text about the parameters.
type Answering = dyn FnMut(Value) -> Result<Canned, String> + Send;

pub(super) struct Actor {
    name: &'static str,
    /// The contract's methods, as the table of a service wants them.
    table: &'static [&'static [Method]],
    methods: Mutex<HashMap<&'static str, Script>>,
}

/// What one method is to answer, and what it was asked.
#[derive(Default)]
struct Script {
    once: VecDeque<Canned>,
    on: Option<Arc<Mutex<Answering>>>,
    asked: Vec<Value>,
}

impl Actor {
    pub(super) fn new(contract: Contract) -> Self {
        // A table lives as long as the program, as those of all services do.
        let table = Box::leak(Box::new([contract.methods()]));
        Self { name: contract.name(), table, methods: Mutex::default() }
    }

    pub(super) fn on(
        &self,
        method: &'static Method,
        answering: impl FnMut(Value) -> Result<Canned, String> + Send + 'static,
    ) {
        self.methods().entry(method.method()).or_default().on =
            Some(Arc::new(Mutex::new(answering)));
    }

    pub(super) fn once(&self, method: &'static Method, answer: Canned) {
        self.methods().entry(method.method()).or_default().once.push_back(answer);
    }

    pub(super) fn asked(&self, method: &'static Method) -> Vec<Value> {
        self.methods().get(method.method()).map_or_else(Vec::new, |script| script.asked.clone())
    }

    /// What this method is to answer to these parameters.
    fn answer(&self, method: &'static Method, asked: Value) -> Canned {
        let mut methods = self.methods();
        let script = methods.entry(method.method()).or_default();
        script.asked.push(asked.clone());
        if let Some(answer) = script.once.pop_front() {
            return answer;
        }
        let on = script.on.clone();
        // The closure may have something to tell the mock.
        drop(methods);
        let Some(on) = on else {
            let (contract, name) = (self.name, method.method());
            let text = format!(
                "the mock of `{contract}` has no answer for `{name}`: give it one by `on`, `always` or `once`"
            );
            return Canned::exception("NoAnswer", text);
        };
        let answered = (*lock(&on))(asked);
        answered.unwrap_or_else(|error| Canned::exception("InvalidParameters", error))
    }

    fn methods(&self) -> MutexGuard<'_, HashMap<&'static str, Script>> {
        lock(&self.methods)
    }
}

impl AnyProcessor for Actor {
    fn name(&self) -> &'static str {
        self.name
    }

    fn table(&self) -> &'static [&'static [Method]] {
        self.table
    }

    fn dispatch<'a>(&'a self, index: usize, request: Request<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Some(method) = self.table.iter().copied().flatten().nth(index) else {
                return request.unhandled().await;
            };
            let asked = in_order(parameters_of(request.message()), method);
            let answer = self.answer(method, asked);
            match request.message().category() {
                Category::Message => Outcome::Done,
                Category::Rpc => reply(request, answer).await,
            }
        })
    }
}

async fn reply(request: Request<'_>, canned: Canned) -> Outcome {
    for Step { completed, total, details } in canned.progress {
        request.context().progress(completed, total, details);
        request.context().progress_is_told().await;
    }
    match canned.answer {
        Answer::Value(value) => request.answer(value).await,
        Answer::Error(Documented { text, form, details }) => {
            request.reply_with(Prepared::error(text, form, details)).await
        }
        Answer::Exception(exception) => {
            let reply: Reply<'_, ()> = request.reply(|_| Vec::new());
            match reply.exception(exception).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::reject(error),
            }
        }
        Answer::Rejected(reason) => request.context().reject_call(reason).await,
        Answer::Silence => Outcome::Done,
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
