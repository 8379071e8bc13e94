//! The groups that an application is in, joined and left at run time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::start::{check_name, shared_queue};
use crate::error::ServeError;
use crate::processor::Running;
use crate::topology::{APPLICATIONS, Address, Binding, Queue};

#[derive(Debug)]
pub(super) struct Groups {
    running: Arc<Running>,
    /// The application's name, and the queue that is its own.
    name: String,
    own: String,
    joined: Mutex<BTreeSet<String>>,
}

/// What a group needs: the binding of the application's own queue, and the queue that is shared.
pub(super) struct Group {
    pub(super) all: Binding,
    pub(super) in_turn: (Queue, Binding),
}

impl Group {
    pub(super) fn of(name: &str, own: &str, group: &str) -> Self {
        let address = Address::name(name).group(group);
        let queue = shared_queue(format!("{name}#{group}")).auto_delete(false);
        let shared = queue.name().to_owned();
        let in_turn = Binding::new(APPLICATIONS, shared, address.in_turn().key().to_owned());
        let all = Address::from(address);
        let all = Binding::new(APPLICATIONS, own.to_owned(), all.key().to_owned());
        Self { all, in_turn: (queue, in_turn) }
    }
}

impl Groups {
    pub(super) fn new(
        running: Arc<Running>,
        name: String,
        own: String,
        joined: BTreeSet<String>,
    ) -> Self {
        Self { running, name, own, joined: Mutex::new(joined) }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.joined().iter().cloned().collect()
    }

    /// Joins a group. One that it is in already is no error. A joining that failed half-way is
    /// made good by joining again.
    pub(super) async fn join(&self, group: &str) -> Result<(), ServeError> {
        check_name("group", group)?;
        let Group { all, in_turn: (queue, binding) } = Group::of(&self.name, &self.own, group);
        let _turn = self.running.turn().await;
        self.running.bind(&all).await?;
        self.running.consume(queue, vec![binding]).await?;
        self.joined().insert(group.to_owned());
        Ok(())
    }

    /// Leaves a group. One that it is not in is no error.
    pub(super) async fn leave(&self, group: &str) -> Result<(), ServeError> {
        check_name("group", group)?;
        let Group { all, in_turn: (queue, _) } = Group::of(&self.name, &self.own, group);
        let _turn = self.running.turn().await;
        self.running.leave(queue.name()).await;
        self.running.unbind(&all).await?;
        self.joined().remove(group);
        Ok(())
    }

    fn joined(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
