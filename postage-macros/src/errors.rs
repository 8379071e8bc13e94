//! Where every mistake of an item is collected, so that one build shows them all.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors {
    found: RefCell<Vec<syn::Error>>,
    reported: Cell<usize>,
}

impl Errors {
    /// A mistake at these tokens.
    pub(crate) fn at(&self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// A mistake at this place.
    pub(crate) fn at_span(&self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// A mistake of syntax. One that is known already (a method may be looked at twice) is not
    /// said again.
    pub(crate) fn push(&self, error: syn::Error) {
        let place = |error: &syn::Error| (format!("{:?}", error.span()), error.to_string());
        self.reported.set(self.reported.get() + 1);
        let mut found = self.found.borrow_mut();
        if !found.iter().any(|known| place(known) == place(&error)) {
            found.push(error);
        }
    }

    /// The value, or nothing after its error has been noted.
    pub(crate) fn keep<T>(&self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// How many were reported: equal numbers before and after a check mean that it found nothing.
    pub(crate) fn count(&self) -> usize {
        self.reported.get()
    }

    /// One `compile_error!` for each mistake.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.found.into_inner().iter().map(syn::Error::to_compile_error).collect()
    }

    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.found.borrow().iter().map(ToString::to_string).collect()
    }
}
