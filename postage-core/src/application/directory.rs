//! Who is there.

use std::sync::Arc;
use std::time::Duration;

use super::commands::ApplicationCommandsProducer;
use super::description::Description;
use super::watch::Watch;
use crate::broker::Broker;
use crate::error::CallFault;
use crate::link::Link;
use crate::message::Fingerprint;
use crate::producer::Answered;
use crate::topology::Address;

/// The applications on a broker, made by [`Broker::applications`].
#[derive(Clone, Debug)]
pub struct Applications {
    broker: Broker,
    commands: ApplicationCommandsProducer,
}

impl Broker {
    /// The applications on this broker, in its virtual host: who is there, who comes and goes.
    /// Those of Python Postage are not among them; they answer
    /// [`ping`](crate::ApplicationCommands::ping) under their names.
    #[must_use]
    pub fn applications(&self) -> Applications {
        let asking = Fingerprint::new("applications", "directory");
        let commands = ApplicationCommandsProducer::new(self, asking);
        Applications { broker: self.clone(), commands }
    }
}

impl Applications {
    /// What each application says of itself, of all that answer within this time: half a second
    /// is long on a local network. They are in the order of their names, hosts and processes.
    ///
    /// # Errors
    /// [`CallFault::Disconnected`], or the broker said no. Nobody there is no error.
    pub async fn list(&self, within: Duration) -> Result<Vec<Description>, CallFault> {
        let everyone = self.commands.describe_application().to(Address::everyone());
        let mut list = present(everyone.answers(within).all().await)?;
        list.sort_by(|one, other| order(&one.fingerprint).cmp(&order(&other.fingerprint)));
        Ok(list)
    }

    /// Watches who comes and goes. Those that are there already are the first changes.
    ///
    /// An application that stops in good order says so at once, also one that a command stops. One that is killed or cut off is
    /// missed within some two seconds of the broker's noticing: at once where the connection was
    /// closed, as it is by a killed process, and after its heartbeats else. One that is only slow
    /// to answer is not missed.
    ///
    /// A watch goes on over losses of the connection. Nobody is missed in the first ten seconds
    /// after one: others may have lost theirs too, and need a moment longer to be back. It ends when
    /// the broker was closed, or refuses it ([`Watch::error`]).
    ///
    /// An application that is killed and starts again under the same fingerprint, as in a
    /// container, is one that vanished and one that started.
    ///
    /// It believes what it is told: one that says that it is there is a change, and is missed when
    /// nobody has its address. News from whom no address can be made are passed over, and so are
    /// more than 10,000 applications.
    ///
    /// # Panics
    /// Outside of a Tokio runtime, in which the watch runs.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::of(self.clone())
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        self.broker.link()
    }

    pub(super) const fn commands(&self) -> &ApplicationCommandsProducer {
        &self.commands
    }
}

fn order(fingerprint: &Fingerprint) -> (&str, &str, &str) {
    (&fingerprint.name, &fingerprint.host, &fingerprint.pid)
}

/// The good answers. An answer that cannot be read is that of one application only.
fn present<T>(answers: Vec<Answered<T>>) -> Result<Vec<T>, CallFault> {
    let mut good = Vec::new();
    for Answered { from, result, .. } in answers {
        match result {
            Ok(answer) => good.push(answer),
            Err(CallFault::Unroutable { .. }) => {}
            Err(fault) if from.is_none() => return Err(fault),
            Err(fault) => tracing::warn!(?from, %fault, "an application's answer was left out"),
        }
    }
    Ok(good)
}
