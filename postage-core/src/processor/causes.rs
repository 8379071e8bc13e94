//! The causes of a documented error, where its type says them. It need not: generated code asks, by
//! `causes!()`, which is a [`Causes`].

use std::error::Error;

use crate::message::causes;

/// How the causes of a documented error are found.
pub type Causes<E> = fn(&E) -> Vec<String>;

/// Asks an error for its causes. Where its type is an [`Error`] its own method is found, before the
/// trait's.
#[derive(Debug)]
pub struct CausesProbe<'e, E>(&'e E);

impl<'e, E> CausesProbe<'e, E> {
    /// Of this error.
    pub const fn of(error: &'e E) -> Self {
        Self(error)
    }
}

impl<E: Error> CausesProbe<'_, E> {
    /// The texts of its sources, the nearest first.
    #[must_use]
    pub fn causes(self) -> Vec<String> {
        causes(self.0.source())
    }
}

/// Answers for every type that is no [`Error`], or not known to be one.
pub trait NoCauses: Sized {
    /// None.
    #[must_use]
    fn causes(self) -> Vec<String> {
        Vec::new()
    }
}

impl<E> NoCauses for CausesProbe<'_, E> {}

#[doc(hidden)]
#[macro_export]
macro_rules! __postage_causes {
    () => {
        |error| {
            use $crate::__private::NoCauses as _;
            $crate::__private::CausesProbe::of(error).causes()
        }
    };
}
