//! Requests whose callers have left, remembered for as long as copies of them may come.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// How many are remembered at most: then those go that matter for the shortest time.
const MOST: usize = 65_536;

/// For how long one is remembered at most, whatever its caller says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Default)]
pub(super) struct LeftRequests {
    until: HashMap<Arc<str>, Instant>,
    /// The same, those first that are forgotten first.
    in_order: BTreeSet<(Instant, Arc<str>)>,
}

impl LeftRequests {
    pub(super) fn remember(&mut self, id: &str, matters: Duration) {
        let now = Instant::now();
        while self.in_order.first().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
        let until = now + matters.min(LONGEST);
        let known = self.until.get_key_value(id).map(|(id, until)| (*until, Arc::clone(id)));
        if let Some(known) = known {
            if known.0 >= until {
                return;
            }
            self.in_order.remove(&known);
        }
        let id: Arc<str> = id.into();
        self.until.insert(Arc::clone(&id), until);
        self.in_order.insert((until, id));
        if self.until.len() > MOST {
            self.forget_first();
        }
    }

    pub(super) fn contain(&self, id: &str) -> bool {
        self.until.get(id).is_some_and(|until| *until > Instant::now())
    }

    fn forget_first(&mut self) {
        if let Some((_, id)) = self.in_order.pop_first() {
            self.until.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_is_remembered_for_its_own_time_and_for_a_day_at_most() {
        let mut left = LeftRequests::default();
        for (id, matters) in [("short", SECOND), ("long", SECOND * 60), ("ever", Duration::MAX)] {
            left.remember(id, matters);
        }
        advance(SECOND * 2).await;
        assert!(!left.contain("short") && left.contain("long") && left.contain("ever"));
        left.remember("another", SECOND);
        assert_eq!(left.until.len(), 3, "what is over takes no room");
        advance(LONGEST).await;
        assert!(!left.contain("long") && !left.contain("ever"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_twice_is_remembered_for_the_longer_time() {
        let mut left = LeftRequests::default();
        for matters in [SECOND, SECOND * 3, SECOND * 2] {
            left.remember("a", matters);
        }
        assert_eq!((left.until.len(), left.in_order.len()), (1, 1));
        advance(SECOND * 5 / 2).await;
        assert!(left.contain("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_those_go_that_matter_for_the_shortest_time() {
        let mut left = LeftRequests::default();
        left.remember("shortest", SECOND);
        for number in 0..MOST {
            left.remember(&number.to_string(), SECOND * 2);
        }
        assert_eq!((left.until.len(), left.in_order.len()), (MOST, MOST));
        assert!(!left.contain("shortest") && left.contain("0"));
    }
}
