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

#[derive(Clone, Debug, Default)]
struct Slot {
    number: u64,
    /// A bit for each service that has run it.
    run_by: u64,
    under_way: bool,
    owed: bool,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![Slot::default(); REMEMBERED].into(),
            // So that no number is that of an unused slot.
            next: REMEMBERED as u64,
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
