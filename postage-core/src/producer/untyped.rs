//! What a producer sends without a contract, and what a generated client sends by it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::attempt::Request;
use super::options::Subject;
use super::{Call, Outgoing, Producer, Publish};
use crate::contract::Method;
use crate::error::CallOutcome;
use crate::message::{Category, EncodeError, Envelope, IntoEnvelope};

impl Producer {
    /// Sends a plain message: positional and named arguments. `()` stands for none.
    pub fn message(&self, args: impl Serialize, kwds: impl Serialize) -> Publish {
        self.send(Envelope::plain(args, kwds))
    }

    /// Sends a command that nobody answers, with any parameters that serialize.
    pub fn command(
        &self,
        name: impl Into<Cow<'static, str>>,
        parameters: impl Serialize,
    ) -> Publish {
        self.send(Envelope::command(name, parameters))
    }

    /// Sends a status: a text.
    pub fn status(&self, status: impl Into<Cow<'static, str>>) -> Publish {
        self.send(Envelope::status(status))
    }

    /// Sends any message: an [`Envelope`], or a type of your own. Its content is serialized here;
    /// a failure to do so shows at the await.
    pub fn send(&self, message: impl IntoEnvelope) -> Publish {
        let mut outgoing = self.outgoing(&message.into_envelope());
        outgoing.properties.persistent = true;
        Publish::new(outgoing)
    }

    /// Sends a body that was received, unchanged, its fingerprint included.
    pub fn forward(&self, body: impl Into<Vec<u8>>) -> Publish {
        let mut outgoing = self.made(Ok(body.into()), None);
        outgoing.properties.persistent = true;
        Publish::new(outgoing)
    }

    /// Calls a command by its name, with any parameters that serialize, for a value of type `T`.
    pub fn rpc<T: DeserializeOwned>(
        &self,
        name: impl Into<Cow<'static, str>>,
        parameters: impl Serialize,
    ) -> Call<T> {
        self.call(Envelope::rpc(name, parameters))
    }

    /// Calls with any message, sent in the category `rpc`. The error type tells what is expected:
    /// [`CallFault`](crate::CallFault), or [`CallError<E>`](crate::CallError) where an error is documented.
    pub fn call<T: DeserializeOwned, X: CallOutcome>(
        &self,
        message: impl IntoEnvelope,
    ) -> Call<T, X> {
        let envelope = message.into_envelope().with_category(Category::Rpc);
        Call::new(self.request(self.outgoing(&envelope)))
    }

    #[doc(hidden)]
    pub fn publish_method(&self, method: &'static Method, parameters: impl Serialize) -> Publish {
        let mut outgoing = self.outgoing_method(method, parameters);
        outgoing.properties.persistent = true;
        outgoing.apply(method);
        Publish::new(outgoing)
    }

    #[doc(hidden)]
    pub fn call_method<T: for<'de> Deserialize<'de>, X: CallOutcome>(
        &self,
        method: &'static Method,
        parameters: impl Serialize,
    ) -> Call<T, X> {
        let mut outgoing = self.outgoing_method(method, parameters);
        outgoing.apply(method);
        let mut request = self.request(outgoing);
        request.timeout = method.timeout.unwrap_or(request.timeout);
        request.max_retry = method.max_retry.unwrap_or(request.max_retry);
        request.deadline = method.deadline.or(request.deadline);
        request.cancellable = method.is_cancellable();
        Call::new(request)
    }

    fn outgoing_method(&self, method: &Method, parameters: impl Serialize) -> Outgoing {
        match method.kind() {
            "command" => self.outgoing(
                &Envelope::command(method.name(), parameters).with_category(method.category()),
            ),
            // Only a command wraps its parameters; any other type has them as its content.
            kind => self.outgoing(
                &Envelope::new(kind, method.name(), parameters).with_category(method.category()),
            ),
        }
    }

    fn outgoing<C: Serialize>(&self, envelope: &Envelope<C>) -> Outgoing {
        let json = envelope.to_json(&self.identity);
        self.made(json, Some((envelope.kind.clone(), envelope.name.clone())))
    }

    fn made(&self, json: Result<Vec<u8>, EncodeError>, subject: Option<Subject>) -> Outgoing {
        let routes = Arc::clone(&self.defaults.routes);
        let mut outgoing = Outgoing::new(Arc::clone(&self.link), json, subject, routes);
        outgoing.layers.clone_from(&self.layers);
        if let Some(version) = &self.defaults.version {
            outgoing.set_version(version.clone());
        }
        outgoing
    }

    fn request(&self, outgoing: Outgoing) -> Request {
        Request {
            outgoing,
            replies: Arc::clone(&self.replies),
            timeout: self.defaults.timeout,
            max_retry: self.defaults.max_retry,
            deadline: self.defaults.deadline,
            peer: self.defaults.peer,
            cancellable: false,
            heartbeat: None,
            statuses: None,
        }
    }
}
