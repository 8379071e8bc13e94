use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tracing::Span;
use uuid::Uuid;

use super::elsewhere::Elsewhere;
use crate::contract::Method;
use crate::headers;
use crate::layers::SendingService;
use crate::limits::SEND_WITHIN;
use crate::link::Link;
use crate::message::EncodeError;
use crate::topology::{Exchange, Route};
use crate::transport::{Properties, Publication, SharedText};

/// Exchanges and keys to send to: Postage's `eks`.
pub(crate) type Routes = Arc<[(Arc<Exchange>, Route)]>;

/// As these, shared by all that is sent there.
pub(super) fn routes<K: Into<Cow<'static, str>>>(
    eks: impl IntoIterator<Item = (Exchange, K)>,
) -> Routes {
    let target = |(exchange, key): (Exchange, K)| {
        let route = Route::new(exchange.name.clone(), key.into()).shared();
        (Arc::new(exchange), route)
    };
    eks.into_iter().map(target).collect()
}

/// A message's type and name.
pub(super) type Subject = (Cow<'static, str>, Cow<'static, str>);

/// A message that is made and not yet sent, with the options that publications and calls share.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) link: Arc<Link>,
    /// The JSON of the message, or why there is none.
    json: Result<Vec<u8>, EncodeError>,
    /// The message's type and name; none for a body that is forwarded.
    subject: Option<Subject>,
    /// The method of the contract, where there is one.
    pub(crate) method: Option<&'static Method>,
    /// What is known of it is recorded here, once it is under way.
    pub(crate) span: Span,
    /// What it is sent through.
    pub(crate) layers: Option<SendingService>,
    routes: Routes,
    key: Option<SharedText>,
    eks: Option<Routes>,
    pub(crate) properties: Properties,
    pub(crate) confirm: bool,
    /// Whether the call itself says if it is persistent.
    pub(crate) says_persistent: bool,
    /// Where the answer goes, where nobody waits for it here.
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
    /// How long after the sending it is of no use any more, where its receiver is to know.
    pub(crate) lives: Option<Duration>,
    /// How long a publication waits for its confirm, over losses of the connection.
    pub(crate) within: Duration,
}

impl Outgoing {
    pub(crate) fn new(
        link: Arc<Link>,
        json: Result<Vec<u8>, EncodeError>,
        subject: Option<Subject>,
        routes: Routes,
    ) -> Self {
        let content_type = Some(Cow::Borrowed(link.codecs.outgoing().content_type()));
        let properties = Properties { content_type, ..Properties::default() };
        Self {
            link,
            json,
            subject,
            method: None,
            span: Span::none(),
            layers: None,
            routes,
            key: None,
            eks: None,
            properties,
            confirm: true,
            says_persistent: false,
            elsewhere: None,
            lives: None,
            within: SEND_WITHIN,
        }
    }

    /// What the contract says of this method.
    pub(crate) fn apply(&mut self, method: &'static Method) {
        self.method = Some(method);
        self.key = method.key.map(Into::into);
        self.properties.priority = method.priority;
        match method.ttl {
            Some(ttl) if method.is_signal() => self.become_signal(ttl),
            ttl => self.properties.expiration = ttl,
        }
        if let Some(persistent) = method.persistent {
            self.properties.persistent = persistent;
            self.says_persistent = true;
        }
        if let Some(signature) = method.signature() {
            self.properties.set_header(headers::SIGNATURE, signature);
        }
    }

    pub(crate) fn set_version(&mut self, version: Cow<'static, str>) {
        self.properties.set_header(headers::VERSION, version);
    }

    /// It is dropped where it would come later than this.
    pub(crate) fn become_signal(&mut self, ttl: Duration) {
        self.lives = Some(at_least_a_millisecond(ttl));
        self.properties.persistent = false;
        self.properties.set_header(headers::SIGNAL, true);
    }

    /// It cannot be made, which shows when it is awaited.
    pub(crate) fn fail(&mut self, error: EncodeError) {
        self.json = Err(error);
    }

    pub(crate) fn set_key(&mut self, key: Cow<'static, str>) {
        self.key = Some(SharedText::from(key).shared());
    }

    pub(crate) fn set_eks<K: Into<Cow<'static, str>>>(
        &mut self,
        eks: impl IntoIterator<Item = (Exchange, K)>,
    ) {
        self.eks = Some(routes(eks));
    }

    /// Sends it to the first of the targets alone, as a call is.
    pub(crate) fn go_to_first(&mut self) {
        let first = self.targets().next();
        let first = first.map(|(exchange, route)| (Arc::clone(exchange), route));
        self.eks = Some(first.into_iter().collect());
    }

    /// Where it goes: exactly the exchanges and keys of the call, else the first exchange under
    /// the call's key, else the producer's own.
    pub(crate) fn targets(&self) -> impl ExactSizeIterator<Item = (&Arc<Exchange>, Route)> {
        let (routes, own) = self.places();
        routes.iter().map(move |(exchange, route)| {
            let key = own.unwrap_or(&route.key).clone();
            (exchange, Route { exchange: route.exchange.clone(), key })
        })
    }

    /// The places of the targets, and the key that counts in place of theirs.
    fn places(&self) -> (&[(Arc<Exchange>, Route)], Option<&SharedText>) {
        match (&self.eks, &self.key) {
            (Some(eks), _) => (&**eks, None),
            (None, Some(key)) => (self.routes.get(..1).unwrap_or_default(), Some(key)),
            (None, None) => (&*self.routes, None),
        }
    }

    /// The first of the targets.
    pub(crate) fn first_target(&self) -> Option<(&str, &str)> {
        let (routes, own) = self.places();
        routes.first().map(|(_, route)| (route.exchange(), own.map_or(route.key(), |key| key)))
    }

    /// The exchange of the first target; empty without one.
    #[cfg(feature = "metrics")]
    pub(crate) fn exchange(&self) -> Cow<'static, str> {
        self.targets().next().map(|(exchange, _)| exchange.name.clone()).unwrap_or_default()
    }

    /// The message's name; empty for a body that is forwarded.
    pub(crate) fn name(&self) -> &str {
        self.subject.as_ref().map_or("", |(_, name)| name)
    }

    /// The body, as the codec makes it of the JSON, which is taken for it.
    pub(crate) fn take_body(&mut self) -> Result<Bytes, EncodeError> {
        let json = std::mem::replace(&mut self.json, Ok(Vec::new()))?;
        let sealed = self.link.seal(&**self.link.codecs.outgoing(), json);
        sealed.map_err(|error| {
            let name = match &self.subject {
                Some((kind, name)) => format!("{kind} `{name}`"),
                None => "a forwarded body".to_owned(),
            };
            EncodeError::Codec { name, reason: error.to_string() }
        })
    }

    /// A copy on its way.
    pub(crate) fn publication(
        &self,
        route: &Route,
        properties: Properties,
        body: &Bytes,
    ) -> Publication {
        Publication {
            route: route.clone(),
            properties,
            body: body.clone(),
            mandatory: self.confirm,
            confirm: self.confirm,
        }
    }
}

/// What layers see of it.
#[cfg(feature = "tower")]
impl Outgoing {
    /// The message's type; empty for a body that is forwarded.
    pub(crate) fn kind(&self) -> &str {
        self.subject.as_ref().map_or("", |(kind, _)| kind)
    }

    /// The JSON of the message.
    pub(crate) fn json(&self) -> Result<&[u8], EncodeError> {
        self.json.as_deref().map_err(Clone::clone)
    }
}

/// The setters that publications and calls share, written once for both.
macro_rules! shared_options {
    () => {
        /// Sends to the first exchange under this routing key (at most 255 bytes).
        pub fn key(mut self, key: impl Into<std::borrow::Cow<'static, str>>) -> Self {
            self.outgoing(|outgoing| outgoing.set_key(key.into()));
            self
        }

        /// Sends to the applications at this address, whatever the exchange and key of the
        /// contract.
        pub fn to(mut self, address: impl Into<$crate::topology::Address>) -> Self {
            let eks = $crate::topology::Address::eks(&address.into());
            self.outgoing(|outgoing| outgoing.set_eks(eks));
            self
        }

        /// Which version of the service's contract it is of, whatever that of the producer, see
        /// [`Contract`](crate::Contract#versions).
        pub fn version(mut self, version: impl Into<std::borrow::Cow<'static, str>>) -> Self {
            self.outgoing(|outgoing| outgoing.set_version(version.into()));
            self
        }

        /// Whether a durable queue keeps it over a restart of the broker.
        pub fn persistent(mut self, persistent: bool) -> Self {
            self.outgoing(|outgoing| {
                outgoing.properties.persistent = persistent;
                outgoing.says_persistent = true;
            });
            self
        }

        /// Its rank in a priority queue, 0 to 255.
        pub fn priority(mut self, priority: u8) -> Self {
            self.outgoing(|outgoing| outgoing.properties.priority = Some(priority));
            self
        }

        /// One more header. The names that begin with `postage-` are the framework's own.
        pub fn header(
            mut self,
            name: impl Into<std::borrow::Cow<'static, str>>,
            value: impl Into<$crate::topology::FieldValue>,
        ) -> Self {
            self.outgoing(|outgoing| outgoing.properties.set_header(name, value));
            self
        }
    };
}
pub(crate) use shared_options;

/// An id as it travels, through several hands.
pub(super) fn as_text(id: Uuid) -> SharedText {
    Arc::<str>::from(&*id.hyphenated().encode_lower(&mut Uuid::encode_buffer())).into()
}

/// Milliseconds, never less than one where there is any time at all.
pub(crate) fn at_least_a_millisecond(time: Duration) -> Duration {
    time.max(Duration::from_millis(1))
}

/// The wall-clock time after this long, in milliseconds since the Unix epoch.
pub(super) fn unix_millis(left: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_add(left).as_millis()).unwrap_or(i64::MAX)
}
