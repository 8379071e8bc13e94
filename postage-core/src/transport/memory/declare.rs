//! Declaring, binding, deleting; what RabbitMQ refuses is refused here, in its words.

use std::sync::Arc;

use uuid::Uuid;

use super::exchange::{Bound, Exchange, check_match_kind};
use super::expiry::Now;
use super::queue::Queue;
use super::settings::{COMPARED, Settings};
use super::state::{ConnectionId, QueueId, State};
use crate::topology::{
    Binding, Exchange as ExchangeDescription, ExchangeKind, FieldValue, Queue as QueueDescription,
};

/// AMQP's short strings end here.
const LONGEST_NAME: usize = 255;

pub(super) fn no_exchange(name: &str) -> String {
    format!("NOT_FOUND - no exchange '{name}' in vhost '/'")
}

pub(super) fn no_queue(name: &str) -> String {
    format!("NOT_FOUND - no queue '{name}' in vhost '/'")
}

/// Refuses a name, key or property that does not fit an AMQP short string.
pub(super) fn check_length(what: &str, text: &str) -> Result<(), String> {
    match text.len() {
        0..=LONGEST_NAME => Ok(()),
        bytes => Err(format!("the {what} has {bytes} bytes, and {LONGEST_NAME} are allowed")),
    }
}

fn check_new_name(what: &str, name: &str) -> Result<(), String> {
    check_length(&format!("{what}'s name"), name)?;
    if name.starts_with("amq.") {
        return Err(format!(
            "ACCESS_REFUSED - {what} name '{name}' contains reserved prefix 'amq.*'"
        ));
    }
    Ok(())
}

/// Refuses a description that differs from what is there, in one argument.
fn check_same<T: PartialEq>(
    (what, name): (&str, &str),
    argument: &str,
    (received, current): (T, T),
    show: impl Fn(T) -> String,
) -> Result<(), String> {
    if received == current {
        return Ok(());
    }
    let (received, current) = (show(received), show(current));
    Err(format!(
        "PRECONDITION_FAILED - inequivalent arg '{argument}' for {what} '{name}' in vhost '/': \
         received {received} but current is {current}"
    ))
}

fn show_flag(flag: bool) -> String {
    format!("'{flag}'")
}

fn show_argument(value: Option<&FieldValue>) -> String {
    match value {
        None => "none".to_owned(),
        Some(FieldValue::Text(text)) => format!("the value '{text}'"),
        Some(FieldValue::Int(number)) => format!("the value '{number}'"),
        Some(other) => format!("the value '{other:?}'"),
    }
}

impl State {
    pub(super) fn declare_exchange(
        &mut self,
        description: &ExchangeDescription,
    ) -> Result<(), String> {
        let name = description.name();
        if name.is_empty() {
            return Ok(());
        }
        let Some(found) = self.exchanges.get(name) else {
            if description.passive {
                return Err(no_exchange(name));
            }
            return self.create_exchange(description);
        };
        if description.passive {
            return Ok(());
        }
        let place = ("exchange", name);
        let alternate = description.arguments().get("alternate-exchange").cloned();
        let kinds = (description.kind.as_str(), found.kind.as_str());
        check_same(place, "type", kinds, |kind| format!("'{kind}'"))?;
        check_same(place, "durable", (description.durable, found.durable), show_flag)?;
        check_same(place, "auto_delete", (description.auto_delete, found.auto_delete), show_flag)?;
        check_same(place, "internal", (description.internal, found.internal), show_flag)?;
        let alternates = (alternate.as_ref(), found.alternate.as_ref());
        check_same(place, "alternate-exchange", alternates, show_argument)
    }

    fn create_exchange(&mut self, description: &ExchangeDescription) -> Result<(), String> {
        let name = description.name();
        check_new_name("exchange", name)?;
        if let ExchangeKind::Plugin(kind) = &description.kind {
            return Err(format!(
                "COMMAND_INVALID - unknown exchange type '{kind}': the in-memory broker has \
                 direct, topic, fanout and headers, and no plugins"
            ));
        }
        let alternate = description.arguments().get("alternate-exchange").cloned();
        if alternate.is_some_and(|value| value.as_str().is_none()) {
            return Err(format!(
                "PRECONDITION_FAILED - invalid arg 'alternate-exchange' for exchange '{name}' in \
                 vhost '/': it must be a text"
            ));
        }
        self.exchanges.insert(name.to_owned(), Exchange::new(description));
        Ok(())
    }

    pub(super) fn declare_queue(
        &mut self,
        connection: ConnectionId,
        description: &QueueDescription,
        now: &Now,
    ) -> Result<String, String> {
        let name = description.name();
        if description.passive {
            let id = self.usable_queue(connection, name)?;
            self.touch(id, now);
            return Ok(name.to_owned());
        }
        check_new_name("queue", name)?;
        if let Some(&id) = self.names.get(name) {
            self.check_queue(connection, id, description)?;
            self.touch(id, now);
            return Ok(name.to_owned());
        }
        let settings = Settings::read(description)?;
        let name: Arc<str> = match name {
            "" => format!("amq.gen-{}", Uuid::new_v4().simple()).into(),
            name => name.into(),
        };
        let owner = description.exclusive.then_some(connection);
        let queue = Queue::new(name.clone(), description, settings, owner, now.get());
        let id = self.next_queue();
        self.queues.insert(id, queue);
        self.names.insert(name.clone(), id);
        self.tend(id, now);
        Ok(name.to_string())
    }

    fn touch(&mut self, id: QueueId, now: &Now) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.touch(now.get());
        }
    }

    fn check_queue(
        &self,
        connection: ConnectionId,
        id: QueueId,
        description: &QueueDescription,
    ) -> Result<(), String> {
        let Some(queue) = self.queues.get(&id) else { return Ok(()) };
        let owner = description.exclusive.then_some(connection);
        if queue.owner != owner {
            return Err(locked(&queue.name));
        }
        let place = ("queue", &*queue.name);
        let durable = description.durable && owner.is_none();
        check_same(place, "durable", (durable, queue.durable), show_flag)?;
        let auto_delete = (description.auto_delete, queue.auto_delete);
        check_same(place, "auto_delete", auto_delete, show_flag)?;
        let arguments = description.arguments();
        let classic = FieldValue::from("classic");
        for argument in COMPARED {
            let default = (argument == "x-queue-type").then_some(&classic);
            let received = arguments.get(argument).or(default);
            let current = queue.arguments.get(argument).or(default);
            check_same(place, argument, (received, current), show_argument)?;
        }
        Ok(())
    }

    /// The queue of this name, when it exists and is not another connection's own.
    pub(super) fn usable_queue(
        &self,
        connection: ConnectionId,
        name: &str,
    ) -> Result<QueueId, String> {
        let id = *self.names.get(name).ok_or_else(|| no_queue(name))?;
        let owner = self.queues.get(&id).and_then(|queue| queue.owner);
        if owner.is_some_and(|owner| owner != connection) {
            return Err(locked(name));
        }
        Ok(id)
    }

    pub(super) fn delete_queue(
        &mut self,
        connection: ConnectionId,
        name: &str,
    ) -> Result<(), String> {
        if self.names.contains_key(name) {
            let id = self.usable_queue(connection, name)?;
            self.remove_queue(id, "the queue was deleted");
        }
        Ok(())
    }

    pub(super) fn bind(
        &mut self,
        connection: ConnectionId,
        binding: &Binding,
    ) -> Result<(), String> {
        let (queue, exchange) = self.ends_of(connection, binding)?;
        check_match_kind(binding.arguments())?;
        let bound = bound(queue, binding);
        if !exchange.bindings.contains(&bound) {
            exchange.bindings.push(bound);
        }
        Ok(())
    }

    pub(super) fn unbind(
        &mut self,
        connection: ConnectionId,
        binding: &Binding,
    ) -> Result<(), String> {
        refuse_default(binding)?;
        let (queue, exchange) = (binding.queue(), binding.exchange.name());
        if !self.names.contains_key(queue) || !self.exchanges.contains_key(exchange) {
            return Ok(());
        }
        let (queue, exchange) = self.ends_of(connection, binding)?;
        let bound = bound(queue, binding);
        let before = exchange.bindings.len();
        exchange.bindings.retain(|other| *other != bound);
        let lost_the_last = before > 0 && exchange.bindings.is_empty();
        if lost_the_last && exchange.auto_delete {
            self.exchanges.remove(binding.exchange.name());
        }
        Ok(())
    }

    fn ends_of(
        &mut self,
        connection: ConnectionId,
        binding: &Binding,
    ) -> Result<(QueueId, &mut Exchange), String> {
        check_length("binding key", binding.key())?;
        refuse_default(binding)?;
        let queue = self.usable_queue(connection, binding.queue())?;
        let name = binding.exchange.name();
        let exchange = self.exchanges.get_mut(name).ok_or_else(|| no_exchange(name))?;
        Ok((queue, exchange))
    }
}

fn refuse_default(binding: &Binding) -> Result<(), String> {
    if binding.exchange.is_default() {
        return Err("ACCESS_REFUSED - operation not permitted on the default exchange".into());
    }
    Ok(())
}

fn locked(name: &str) -> String {
    format!(
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/': \
         it belongs to another connection, or was declared with another exclusive property"
    )
}

fn bound(queue: QueueId, binding: &Binding) -> Bound {
    Bound { queue, key: binding.key().to_owned(), arguments: binding.arguments().clone() }
}
