//! The address that one application alone has.

use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use crate::link::Link;
use crate::message::Fingerprint;
use crate::topology::{Address, Queue};
use crate::transport::TransportError;

/// How many suffixes are tried. Each is one of four thousand million.
const MOST_TRIED: usize = 4;

/// Whether an application of this process goes by the plain process id.
static PLAIN_TAKEN: AtomicBool = AtomicBool::new(false);

/// That this application has its `pid@host` alone.
#[derive(Debug)]
pub(super) struct Claim {
    fingerprint: Fingerprint,
    plain: bool,
}

impl Claim {
    /// Claims `pid@host`, where it is still free, or one with a suffix to the process id. The
    /// broker is the judge: the queue of that name is exclusive, so that only one connection can
    /// have it.
    pub(super) async fn make(
        link: &Link,
        fingerprint: Fingerprint,
    ) -> Result<Self, TransportError> {
        let mut claim = Self { fingerprint, plain: !PLAIN_TAKEN.swap(true, Ordering::AcqRel) };
        if claim.plain {
            match claim.declare(link).await {
                Err(TransportError::Refused { .. }) => claim.give_up_plain(),
                declared => return declared.map(|()| claim),
            }
        }
        let pid = claim.fingerprint.pid.clone();
        let mut tried = 0;
        loop {
            let (suffix, ..) = Uuid::new_v4().as_fields();
            claim.fingerprint.pid = format!("{pid}-{suffix:08x}");
            tried += 1;
            match claim.declare(link).await {
                Err(TransportError::Refused { .. }) if tried < MOST_TRIED => {}
                declared => return declared.map(|()| claim),
            }
        }
    }

    pub(super) const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The queue that is this application's own.
    pub(super) fn queue(&self) -> Queue {
        let name = Address::unique(&self.fingerprint).to_string();
        Queue::new(name).durable(false).exclusive(true).auto_delete(true)
    }

    /// Over losses of the connection: an application may start while there is none.
    async fn declare(&self, link: &Link) -> Result<(), TransportError> {
        let queue = self.queue();
        link.through_losses(|| link.transport.declare_queue(&queue)).await.map(drop)
    }

    fn give_up_plain(&mut self) {
        if std::mem::take(&mut self.plain) {
            PLAIN_TAKEN.store(false, Ordering::Release);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_up_plain();
    }
}
