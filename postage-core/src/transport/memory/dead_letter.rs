//! What a message becomes when its queue gives up on it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::message::Message;
use super::settings::Settings;
use super::state::QueueId;
use crate::topology::{FieldValue, Route};
use crate::transport::Headers;

/// Why a queue gave up on a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Expired,
    Rejected,
    MaxLength,
    DeliveryLimit,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::MaxLength => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

/// A message on its way to a dead-letter exchange.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) message: Arc<Message>,
    pub(super) reason: Reason,
    /// The queue that keeps it until others take it, where it does.
    pub(super) kept_by: Option<QueueId>,
}

impl DeadLetter {
    /// The letter that this queue makes of the message; none when it has nowhere to send it.
    pub(super) fn new(
        id: QueueId,
        queue: &str,
        settings: &Settings,
        message: &Message,
        reason: Reason,
    ) -> Option<Self> {
        let kept_by = settings.keeps_letters.then_some(id);
        let exchange = settings.dead_letter_exchange.clone()?;
        let key = match &settings.dead_letter_key {
            Some(key) => key.clone().into(),
            None => message.route.key.clone(),
        };
        let mut properties = message.properties.clone();
        record_death(&mut properties.headers, queue, message, reason);
        // It would expire again in the queue that is to keep it.
        properties.expiration = None;
        let body = message.body.clone();
        let route = Route { exchange: exchange.into(), key };
        let message = Arc::new(Message { body, properties, route });
        Some(Self { message, reason, kept_by })
    }

    /// Whether the letter is back at a queue that it has left, with nobody rejecting it on the
    /// way: it would go round for ever, so it is dropped there.
    pub(super) fn cycles_at(&self, queue: &str) -> bool {
        let deaths = deaths(&self.message.properties.headers);
        let is_here = |death: &FieldValue| text_in(death, "queue") == Some(queue);
        let Some(last) = deaths.iter().position(is_here) else { return false };
        self.reason != Reason::Rejected
            && deaths[..=last].iter().all(|death| text_in(death, "reason") != Some("rejected"))
    }
}

fn deaths(headers: &Headers) -> &[FieldValue] {
    match headers.get("x-death") {
        Some(FieldValue::List(deaths)) => deaths,
        _ => &[],
    }
}

fn value_in<'a>(
    table: &'a [(Cow<'static, str>, FieldValue)],
    name: &str,
) -> Option<&'a FieldValue> {
    table.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn text_in<'a>(death: &'a FieldValue, name: &str) -> Option<&'a str> {
    match death {
        FieldValue::Table(table) => value_in(table, name).and_then(FieldValue::as_str),
        _ => None,
    }
}

/// Puts this death in front of the earlier ones; one of the same queue and reason counts up.
fn record_death(headers: &mut Headers, queue: &str, message: &Message, reason: Reason) {
    let is_first = headers.get("x-death").is_none();
    let mut deaths = deaths(headers).to_vec();
    let same = |death: &FieldValue| {
        text_in(death, "queue") == Some(queue) && text_in(death, "reason") == Some(reason.as_str())
    };
    let death = match deaths.iter().position(same) {
        Some(index) => count_up(deaths.remove(index)),
        None => first_death(queue, message, reason),
    };
    deaths.insert(0, death);
    headers.insert("x-death", FieldValue::List(deaths));
    if is_first {
        headers.insert("x-first-death-reason", reason.as_str());
        headers.insert("x-first-death-queue", queue.to_owned());
        headers.insert("x-first-death-exchange", message.route.exchange().to_owned());
    }
}

fn first_death(queue: &str, message: &Message, reason: Reason) -> FieldValue {
    let key = FieldValue::from(message.route.key().to_owned());
    let mut death: Vec<(Cow<'static, str>, FieldValue)> = vec![
        ("count".into(), FieldValue::Int(1)),
        ("reason".into(), reason.as_str().into()),
        ("queue".into(), queue.to_owned().into()),
        ("time".into(), FieldValue::Timestamp(seconds_now())),
        ("exchange".into(), message.route.exchange().to_owned().into()),
        ("routing-keys".into(), FieldValue::List(vec![key])),
    ];
    if let Some(millis) = message.properties.expiration_millis() {
        death.push(("original-expiration".into(), millis.to_string().into()));
    }
    FieldValue::Table(death)
}

fn count_up(mut death: FieldValue) -> FieldValue {
    if let FieldValue::Table(table) = &mut death {
        let count = value_in(table, "count").and_then(FieldValue::as_int).unwrap_or(0);
        let count = FieldValue::Int(count.saturating_add(1));
        match table.iter_mut().find(|(key, _)| key == "count") {
            Some((_, old)) => *old = count,
            None => table.push(("count".into(), count)),
        }
    }
    death
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
