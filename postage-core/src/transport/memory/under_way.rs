//! What a test asks of the broker: whether anything is still to happen by itself, and whether
//! anybody would get a message.

use std::collections::{BTreeMap, HashMap};

use super::MemoryTransport;
use super::queue::Queue;
use super::state::State;
use crate::topology::Route;
use crate::transport::Headers;

impl MemoryTransport {
    /// Waits until no message of this broker is under way, on any connection: none is with a
    /// consumer unsettled, none waits in a queue that somebody consumes, or in one that gives it
    /// back after a time. Cancel-safe.
    pub(crate) async fn idle(&self) {
        loop {
            let changed = self.broker.changed.notified();
            if self.under_way().is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// Whether some queue would take a message without headers that is sent there.
    pub(crate) fn is_routed(&self, route: &Route) -> bool {
        let headers = Headers::default();
        self.broker.look(|state| !state.route(route.exchange(), route.key(), &headers).is_empty())
    }

    /// What is under way, a line for each queue.
    pub(crate) fn under_way(&self) -> Vec<String> {
        self.broker.look(State::under_way)
    }
}

impl State {
    fn under_way(&self) -> Vec<String> {
        let mut unsettled = BTreeMap::new();
        for out in self.connections.values().flat_map(HashMap::values) {
            *unsettled.entry(out.queue).or_insert(0_u64) += 1;
        }
        let mut lines = Vec::new();
        for (id, queue) in &self.queues {
            if let Some(count) = unsettled.get(id) {
                lines.push(format!("`{}`: {count} not settled", queue.name));
            }
            if let Some(how) = queue.will_give() {
                lines.push(format!("`{}`: {} {how}", queue.name, queue.len()));
            }
            if queue.kept() > 0 {
                lines.push(format!("`{}`: {} kept until they are taken", queue.name, queue.kept()));
            }
        }
        lines
    }
}

impl Queue {
    /// How the messages in it will leave it, when there are any and nobody need do anything for it.
    fn will_give(&self) -> Option<&'static str> {
        let comes_back =
            self.settings.message_ttl.is_some() && self.settings.dead_letter_exchange.is_some();
        match (self.len(), self.consumers.is_empty()) {
            (0, _) => None,
            (_, false) => Some("waiting for a consumer"),
            (_, true) => comes_back.then_some("waiting for their time"),
        }
    }
}
