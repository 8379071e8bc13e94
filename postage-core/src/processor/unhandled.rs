//! A message that nobody handles, and what its sender is told.

use super::Outcome;
use super::lasting::answers;
use super::request::Request;
use super::service::Service;
use super::table::nearest;
use crate::headers;
use crate::message::{Category, shorten};

impl Service {
    pub(super) async fn unhandled(&self, request: Request<'_>) -> Outcome {
        let message = request.message();
        let (category, kind, name) = (message.category(), message.kind(), message.name());
        if self.table.knows(category, kind, name) {
            return request.incompatible(&self.not_of_version(request)).await;
        }
        match (category, kind, name) {
            (Category::Message, "command", "quit") if self.quit => {
                self.control.quit();
                Outcome::Done
            }
            (Category::Message, "command", "restart") if self.restart => {
                self.control.restart();
                Outcome::Done
            }
            (Category::Message, "result", _)
                if answers(&request.context().properties).is_some() =>
            {
                let (_, name) = request.subject();
                Outcome::reject(format_args!(
                    "`{}` has no reply handler for `{}`, of which this is the answer",
                    self.name,
                    shorten(name)
                ))
            }
            (Category::Message, kind, name) => {
                let (kind, name) = (&*shorten(kind), &*shorten(name));
                // A status is told to whom it may concern; a command is meant to be carried out.
                if kind == "command" {
                    tracing::warn!(service = &*self.name, name, "a command that nobody handles");
                } else {
                    tracing::debug!(
                        service = &*self.name,
                        kind,
                        name,
                        "a message that nobody handles"
                    );
                }
                Outcome::Done
            }
            (Category::Rpc, kind, name) => {
                let text = self.not_answered(kind, name);
                request.raise("UnknownCommand", &text).await;
                Outcome::Done
            }
        }
    }

    /// What is wrong with a message of a version that is not served.
    fn not_of_version(&self, request: Request<'_>) -> String {
        let message = request.message();
        let (category, kind, name) = (message.category(), message.kind(), message.name());
        let served = self.table.versions(category, kind, name);
        let versions = if served.len() > 1 { "versions" } else { "version" };
        let served = served.join(" and ");
        let verb = if category == Category::Rpc { "answers" } else { "takes" };
        let asked = headers::version(&request.context().properties).unwrap_or_default();
        format!(
            "this service {verb} {kind} `{name}` in {versions} {served}; version {} was asked for",
            shorten(&asked)
        )
    }

    /// What is wrong with a call that nobody answers.
    fn not_answered(&self, kind: &str, name: &str) -> String {
        let told = self.table.knows(Category::Message, kind, name);
        let (kind, name) = (shorten(kind), shorten(name));
        if told {
            return format!("`{}` takes {kind} `{name}` as a message, not as a call", self.name);
        }
        let commands = self.table.commands();
        let wrong = format!("`{}` does not answer {kind} `{name}`", self.name);
        if commands.is_empty() {
            return format!("{wrong}; it answers no calls");
        }
        let known = commands.join(", ");
        match nearest(&name, &commands) {
            Some(meant) => format!("{wrong}: did you mean `{meant}`? It answers: {known}"),
            None => format!("{wrong}; it answers: {known}"),
        }
    }
}
