use std::fmt;

use super::Method;

/// One thing that a newer contract has otherwise than an older one, see
/// [`Contract::changes_to`](crate::Contract::changes_to).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractChange {
    method: Option<&'static str>,
    what: String,
    breaks: Breaks,
}

/// Who no longer understands whom after a change, while one side is of the older contract and the
/// other of the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Breaks {
    /// Nobody: either side may be replaced first.
    Nobody,
    /// Callers of the older contract, at a service of the newer: replace the callers first.
    OldCallers,
    /// Callers of the newer contract, at a service of the older: replace the services first.
    NewCallers,
    /// Both: give the newer contract a version of its own, and serve both for a while.
    Everybody,
}

impl Breaks {
    pub(super) const fn of(old_callers: bool, new_callers: bool) -> Self {
        match (old_callers, new_callers) {
            (false, false) => Self::Nobody,
            (true, false) => Self::OldCallers,
            (false, true) => Self::NewCallers,
            (true, true) => Self::Everybody,
        }
    }

    /// Whether callers of the older contract break at a service of the newer.
    #[must_use]
    pub const fn old_callers(self) -> bool {
        matches!(self, Self::OldCallers | Self::Everybody)
    }

    /// Whether callers of the newer contract break at a service of the older.
    #[must_use]
    pub const fn new_callers(self) -> bool {
        matches!(self, Self::NewCallers | Self::Everybody)
    }
}

impl fmt::Display for Breaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "breaks nobody",
            Self::OldCallers => "breaks old callers of a new service",
            Self::NewCallers => "breaks new callers of an old service",
            Self::Everybody => "breaks old callers and new ones",
        })
    }
}

impl ContractChange {
    pub(super) const fn of_contract(what: String, breaks: Breaks) -> Self {
        Self { method: None, what, breaks }
    }

    pub(super) const fn of_method(method: &Method, what: String, breaks: Breaks) -> Self {
        Self { method: Some(method.method()), what, breaks }
    }

    /// The method that is changed, by its name in Rust, in the newer contract where that has it.
    /// `None`: all of the contract is.
    #[must_use]
    pub const fn method(&self) -> Option<&'static str> {
        self.method
    }

    /// What is changed.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whom it breaks.
    #[must_use]
    pub const fn breaks(&self) -> Breaks {
        self.breaks
    }
}

/// As in `place: the parameter note: str? is new; breaks nobody`, with names in backquotes.
impl fmt::Display for ContractChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = self.method {
            write!(f, "`{method}`: ")?;
        }
        write!(f, "{}; {}", self.what, self.breaks)
    }
}
