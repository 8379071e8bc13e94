//! What a queue's arguments mean, and which of them RabbitMQ would refuse.

use std::time::Duration;

use crate::topology::{Arguments, FieldValue, Overflow, Queue};

/// The arguments that must be the same when a queue is declared again.
pub(super) const COMPARED: [&str; 12] = [
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-overflow",
    "x-max-priority",
    "x-single-active-consumer",
    "x-delivery-limit",
    "x-queue-type",
];

/// The arguments of a queue, understood.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) message_ttl: Option<Duration>,
    pub(super) expires: Option<Duration>,
    pub(super) max_length: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) overflow: Overflow,
    pub(super) dead_letter_exchange: Option<String>,
    pub(super) dead_letter_key: Option<String>,
    /// Whether it keeps a dead letter until the queues that it is routed to take it.
    pub(super) keeps_letters: bool,
    pub(super) max_priority: u8,
    pub(super) single_active: bool,
    /// Whether it counts how often a message comes back, as quorum queues do.
    pub(super) counts_returns: bool,
    pub(super) delivery_limit: Option<u64>,
}

impl Settings {
    /// Reads the arguments of a declaration; the error is the broker's reason to refuse it.
    pub(super) fn read(queue: &Queue) -> Result<Self, String> {
        let arguments = queue.arguments();
        let table = Reader { queue: queue.name(), table: &arguments };
        let settings = Self {
            message_ttl: table.number("x-message-ttl")?.map(Duration::from_millis),
            expires: table.number("x-expires")?.map(Duration::from_millis),
            max_length: table.number("x-max-length")?,
            max_bytes: table.number("x-max-length-bytes")?,
            overflow: table.overflow()?,
            dead_letter_exchange: table.text("x-dead-letter-exchange")?,
            dead_letter_key: table.text("x-dead-letter-routing-key")?,
            keeps_letters: table.keeps_letters()?,
            max_priority: table.max_priority()?,
            single_active: arguments.get("x-single-active-consumer")
                == Some(&FieldValue::Bool(true)),
            counts_returns: table.is_quorum()?,
            delivery_limit: table.number("x-delivery-limit")?,
        };
        if settings.expires == Some(Duration::ZERO) {
            return Err(table.invalid("x-expires", "it must be positive"));
        }
        if settings.dead_letter_key.is_some() && settings.dead_letter_exchange.is_none() {
            return Err(
                table.invalid("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined")
            );
        }
        if settings.counts_returns {
            refuse_quorum_flags(queue)?;
        }
        Ok(settings)
    }
}

fn refuse_quorum_flags(queue: &Queue) -> Result<(), String> {
    let name = &queue.name;
    if name.is_empty() {
        return Err(
            "PRECONDITION_FAILED - cannot declare a server-named queue of type quorum".into()
        );
    }
    let property = match queue {
        Queue { durable: false, .. } => "non-durable",
        Queue { exclusive: true, .. } => "exclusive",
        Queue { auto_delete: true, .. } => "auto-delete",
        _ => return Ok(()),
    };
    Err(format!(
        "PRECONDITION_FAILED - invalid property '{property}' for queue '{name}' in vhost '/'"
    ))
}

struct Reader<'a> {
    queue: &'a str,
    table: &'a Arguments,
}

impl Reader<'_> {
    fn invalid(&self, name: &str, why: &str) -> String {
        let queue = self.queue;
        format!(
            "PRECONDITION_FAILED - invalid arg '{name}' for queue '{queue}' in vhost '/': {why}"
        )
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.table.get(name) else { return Ok(None) };
        let number = value.as_int().and_then(|number| u64::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.invalid(name, "it must be a non-negative integer"))
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let Some(value) = self.table.get(name) else { return Ok(None) };
        let text = value.as_str().map(str::to_owned);
        text.map(Some).ok_or_else(|| self.invalid(name, "it must be a text"))
    }

    fn max_priority(&self) -> Result<u8, String> {
        let Some(number) = self.number("x-max-priority")? else { return Ok(0) };
        u8::try_from(number).map_err(|_| self.invalid("x-max-priority", "it must be 0 to 255"))
    }

    fn overflow(&self) -> Result<Overflow, String> {
        match self.text("x-overflow")?.as_deref() {
            None | Some("drop-head") => Ok(Overflow::DropHead),
            Some("reject-publish") => Ok(Overflow::RejectPublish),
            Some("reject-publish-dlx") => Ok(Overflow::RejectPublishDeadLetter),
            Some(other) => Err(self.invalid(
                "x-overflow",
                &format!("`{other}` is none of drop-head, reject-publish, reject-publish-dlx"),
            )),
        }
    }

    /// Only a quorum queue can, and only one that refuses what is too much, as in RabbitMQ.
    fn keeps_letters(&self) -> Result<bool, String> {
        let strategy = self.text("x-dead-letter-strategy")?;
        let quorum = self.is_quorum()?;
        match strategy.as_deref() {
            None => Ok(false),
            Some(_) if !quorum => {
                Err(self.invalid("x-dead-letter-strategy", "only a quorum queue has one"))
            }
            Some("at-most-once") => Ok(false),
            Some("at-least-once") => Ok(self.overflow()? == Overflow::RejectPublish),
            Some(other) => Err(self.invalid(
                "x-dead-letter-strategy",
                &format!("`{other}` is none of at-most-once, at-least-once"),
            )),
        }
    }

    fn is_quorum(&self) -> Result<bool, String> {
        match self.text("x-queue-type")?.as_deref() {
            None | Some("classic") => Ok(false),
            Some("quorum") => Ok(true),
            Some(other) => Err(self.invalid(
                "x-queue-type",
                &format!("the in-memory broker has classic and quorum, not `{other}`"),
            )),
        }
    }
}
