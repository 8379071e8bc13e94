//! What became of numbered things, in a fixed amount of memory.

/// How many of the latest numbers are remembered.
const REMEMBERED: usize = 1 << 17;

/// Numbers given out, and which services have run them.
///
/// A number stays as long as it is under way or owed; then its slot goes to a later number, a whole
/// round of [`REMEMBERED`] numbers after it.
#[derive(Debug)]
pub(crate) struct Ledger {
    slots: Box<[Slot]>,
    next: u64,
    /// How many numbers are owed: promised to be run, and not yet.
    owed: u64,
    pub(crate) counts: Counts,
}

/// How often numbers were run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Numbers that were run, each once.
    pub(crate) run: u64,
    /// Further runs by a service that had run the number.
    pub(crate) again: u64,
    /// Further runs by another service.
    pub(crate) elsewhere: u64,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    /// A bit for each service that has run it.
    run_by: u64,
    under_way: bool,
    owed: bool,
}

impl Slot {
    /// A slot with a number whose place is another, so that it is nobody's.
    fn unused(number: u64) -> Self {
        Self { number, run_by: 0, under_way: false, owed: false }
    }
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            slots: (1..=REMEMBERED as u64).map(Slot::unused).collect(),
            next: 0,
            owed: 0,
            counts: Counts::default(),
        }
    }

    /// A number of its own; none while the slot that comes next is not free, and then one slot
    /// further when asked again.
    pub(crate) fn begin(&mut self) -> Option<u64> {
        let number = self.next;
        self.next += 1;
        let slot = &mut self.slots[place(number)];
        if slot.under_way || slot.owed {
            return None;
        }
        *slot = Slot { number, run_by: 0, under_way: true, owed: false };
        Some(number)
    }

    /// The number is no longer under way; it is owed, if it is promised and was not run yet.
    pub(crate) fn end(&mut self, number: u64, promised: bool) {
        let slot = &mut self.slots[place(number)];
        if slot.number == number && slot.under_way {
            slot.under_way = false;
            slot.owed = promised && slot.run_by == 0;
            self.owed += u64::from(slot.owed);
        }
    }

    /// A service (0 to 63) has run the number.
    pub(crate) fn run(&mut self, number: u64, service: usize) {
        let slot = &mut self.slots[place(number)];
        if slot.number != number {
            return;
        }
        let bit = 1 << service;
        let count = match slot.run_by {
            0 => &mut self.counts.run,
            known if known & bit != 0 => &mut self.counts.again,
            _ => &mut self.counts.elsewhere,
        };
        *count += 1;
        slot.run_by |= bit;
        self.owed -= u64::from(std::mem::take(&mut slot.owed));
    }

    /// How many numbers are owed.
    pub(crate) const fn owed(&self) -> u64 {
        self.owed
    }
}

const fn place(number: u64) -> usize {
    number as usize % REMEMBERED
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// The counts of a number that was promised and then run by these services in turn.
    fn counts_of_runs_by(services: &[usize]) -> [u64; 4] {
        let mut ledger = Ledger::new();
        let number = ledger.begin().unwrap();
        ledger.end(number, true);
        services.iter().for_each(|service| ledger.run(number, *service));
        [ledger.owed(), ledger.counts.run, ledger.counts.again, ledger.counts.elsewhere]
    }

    #[test]
    fn further_runs_are_told_apart_by_who_has_run_it_before() {
        assert_eq!(counts_of_runs_by(&[]), [1, 0, 0, 0]);
        assert_eq!(counts_of_runs_by(&[3]), [0, 1, 0, 0]);
        assert_eq!(counts_of_runs_by(&[3, 3]), [0, 1, 1, 0]);
        assert_eq!(counts_of_runs_by(&[3, 63, 63, 3]), [0, 1, 2, 1]);
    }

    #[test]
    fn a_number_run_before_its_end_is_not_owed() {
        let mut ledger = Ledger::new();
        let number = ledger.begin().unwrap();
        ledger.run(number, 0);
        ledger.end(number, true);
        assert_eq!((ledger.owed(), ledger.counts.run), (0, 1));
    }

    #[test]
    fn a_slot_is_kept_while_its_number_is_under_way_or_owed_and_then_used_again() {
        let mut ledger = Ledger::new();
        let [under_way, owed, ended] = [(); 3].map(|()| ledger.begin().unwrap());
        ledger.end(owed, true);
        ledger.end(ended, false);
        let free = (3..REMEMBERED).filter(|_| ledger.begin().is_some()).count();
        assert_eq!(free, REMEMBERED - 3);
        assert_eq!([ledger.begin(), ledger.begin()], [None, None]);
        assert_eq!(ledger.begin(), Some(ended + REMEMBERED as u64));
        // What is no longer remembered is not counted.
        ledger.run(ended, 0);
        assert_eq!((ledger.counts.run, ledger.owed()), (0, 1));
        ledger.run(owed, 0);
        ledger.run(under_way, 0);
        assert_eq!((ledger.counts.run, ledger.owed()), (2, 0));
    }

    #[test]
    fn what_is_not_numbered_here_is_not_counted() {
        let mut ledger = Ledger::new();
        ledger.run(0, 0);
        ledger.run(u64::MAX, 0);
        assert_eq!(ledger.counts.run, 0);
    }
}
