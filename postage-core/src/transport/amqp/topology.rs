//! Declaring, binding and deleting.

use lapin::Channel;
use lapin::options::{
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};

use super::address::Address;
use super::dial::dial;
use super::session::{CLOSE_DEADLINE, Session};
use super::{convert, fault};
use crate::topology::{Binding, Exchange, ExchangeKind, Queue};
use crate::transport::TransportError;

impl Session {
    pub(super) async fn declare_exchange(
        &self,
        address: &Address,
        exchange: &Exchange,
    ) -> Result<(), TransportError> {
        if exchange.is_default() {
            return Ok(());
        }
        let operation = || format!("declare the exchange `{}`", exchange.name());
        let ask =
            ExchangeDeclare::new(exchange).map_err(|reason| fault::refused(operation(), reason))?;
        match exchange.kind() {
            ExchangeKind::Plugin(kind) if !exchange.is_passive() => {
                alone(address, ask, kind, operation).await?;
            }
            _ => self.channels.run(operation, |channel| ask.on(channel)).await?,
        }
        self.exchange_is_known(exchange.name());
        Ok(())
    }

    /// Refused when there is no such exchange.
    pub(super) async fn check_exchange(&self, name: &str) -> Result<(), TransportError> {
        let exchange = Exchange::new(name.to_owned(), ExchangeKind::Direct).passive(true);
        let operation = || format!("find the exchange `{name}`");
        let ask = ExchangeDeclare::new(&exchange)
            .map_err(|reason| fault::refused(operation(), reason))?;
        self.channels.run(operation, |channel| ask.on(channel)).await
    }

    pub(super) async fn declare_queue(&self, queue: &Queue) -> Result<String, TransportError> {
        let operation = || format!("declare the queue `{}`", queue.name());
        let checked = || -> Result<_, String> {
            let name = convert::short("the queue's name", queue.name())?;
            Ok((name, convert::table(queue.arguments().as_slice())?))
        };
        let (name, arguments) = checked().map_err(|reason| fault::refused(operation(), reason))?;
        let options = QueueDeclareOptions {
            passive: queue.passive,
            durable: queue.durable,
            exclusive: queue.exclusive,
            auto_delete: queue.auto_delete,
            nowait: false,
        };
        let declare =
            |channel: Channel| async move { channel.queue_declare(name, options, arguments).await };
        let declared = self.channels.run(operation, declare).await?;
        Ok(declared.name().as_str().to_owned())
    }

    pub(super) async fn delete_queue(&self, queue: &str) -> Result<(), TransportError> {
        let operation = || format!("delete the queue `{queue}`");
        let name = convert::short("the queue's name", queue)
            .map_err(|reason| fault::refused(operation(), reason))?;
        let delete = |channel: Channel| async move {
            channel.queue_delete(name, QueueDeleteOptions::default()).await
        };
        self.channels.run(operation, delete).await.map(|_messages| ())
    }

    pub(super) async fn bind(&self, binding: &Binding) -> Result<(), TransportError> {
        let operation = || format!("bind {}", described(binding));
        let BindArguments { queue, exchange, key, arguments } =
            BindArguments::new(binding).map_err(|reason| fault::refused(operation(), reason))?;
        let bind = |channel: Channel| async move {
            channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), arguments).await
        };
        self.channels.run(operation, bind).await
    }

    pub(super) async fn unbind(&self, binding: &Binding) -> Result<(), TransportError> {
        let operation = || format!("unbind {}", described(binding));
        let BindArguments { queue, exchange, key, arguments } =
            BindArguments::new(binding).map_err(|reason| fault::refused(operation(), reason))?;
        let unbind = |channel: Channel| async move {
            channel.queue_unbind(queue, exchange, key, arguments).await
        };
        self.channels.run(operation, unbind).await
    }
}

/// Declares an exchange of a plugin's kind over a connection of its own: the broker answers a
/// kind that it does not know by closing the whole connection.
async fn alone(
    address: &Address,
    ask: ExchangeDeclare,
    kind: &str,
    operation: impl Fn() -> String,
) -> Result<(), TransportError> {
    let connection = dial(address, "postage: declare", address.connect_timeout).await?;
    let channel = connection.create_channel().await;
    let channel = channel.map_err(|error| fault::disconnected(&error))?;
    let declared = ask.on(channel).await.map_err(|error| {
        let reason = fault::words(&error);
        fault::refused(operation(), format!("{reason} (is the plugin for `{kind}` enabled?)"))
    });
    connection.end(CLOSE_DEADLINE).await;
    declared
}

struct ExchangeDeclare {
    name: ShortString,
    kind: lapin::ExchangeKind,
    options: ExchangeDeclareOptions,
    arguments: FieldTable,
}

impl ExchangeDeclare {
    fn new(exchange: &Exchange) -> Result<Self, String> {
        let kind = match exchange.kind() {
            ExchangeKind::Direct => lapin::ExchangeKind::Direct,
            ExchangeKind::Topic => lapin::ExchangeKind::Topic,
            ExchangeKind::Fanout => lapin::ExchangeKind::Fanout,
            ExchangeKind::Headers => lapin::ExchangeKind::Headers,
            ExchangeKind::Plugin(name) => {
                convert::short("the exchange's kind", name)?;
                lapin::ExchangeKind::Custom(name.clone().into_owned())
            }
        };
        Ok(Self {
            name: convert::short("the exchange's name", exchange.name())?,
            kind,
            options: ExchangeDeclareOptions {
                passive: exchange.is_passive(),
                durable: exchange.is_durable(),
                auto_delete: exchange.is_auto_delete(),
                internal: exchange.is_internal(),
                nowait: false,
            },
            arguments: convert::table(exchange.arguments().as_slice())?,
        })
    }

    async fn on(self, channel: Channel) -> lapin::Result<()> {
        channel.exchange_declare(self.name, self.kind, self.options, self.arguments).await
    }
}

struct BindArguments {
    queue: ShortString,
    exchange: ShortString,
    key: ShortString,
    arguments: FieldTable,
}

impl BindArguments {
    fn new(binding: &Binding) -> Result<Self, String> {
        Ok(Self {
            queue: convert::short("the queue's name", binding.queue())?,
            exchange: convert::short("the exchange's name", binding.exchange().name())?,
            key: convert::short("the key", binding.key())?,
            arguments: convert::table(binding.arguments().as_slice())?,
        })
    }
}

fn described(binding: &Binding) -> String {
    let (queue, exchange, key) = (binding.queue(), binding.exchange().name(), binding.key());
    format!("the queue `{queue}` to the exchange `{exchange}` with key `{key}`")
}
