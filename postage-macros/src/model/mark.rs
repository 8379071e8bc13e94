//! What a method of a contract is: the attribute that marks it.

use syn::{Attribute, TraitItemFn};

use super::method::Category;
use crate::errors::Errors;
use crate::parse::attributes;
use crate::parse::values::tokens_text;
use crate::suggest;

/// What a contract says that a method is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    Rpc,
    Message,
    /// A message that is dropped where it would be late.
    Signal,
}

impl Marked {
    pub(crate) const ALL: [Self; 3] = [Self::Rpc, Self::Message, Self::Signal];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Message => "message",
            Self::Signal => "signal",
        }
    }

    /// The attribute, as errors name it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Rpc => "`#[rpc]`",
            Self::Message => "`#[message]`",
            Self::Signal => "`#[signal]`",
        }
    }

    pub(crate) fn category(self) -> Category {
        match self {
            Self::Rpc => Category::Rpc,
            Self::Message | Self::Signal => Category::Message,
        }
    }
}

/// What the method is, its attribute taken off. Without one, a method with a body is the trait's
/// own affair.
pub(crate) fn take(function: &mut TraitItemFn, errors: &Errors) -> Option<(Marked, Attribute)> {
    let mut marks: Vec<_> = Vec::new();
    for marked in Marked::ALL {
        let taken = attributes::take(&mut function.attrs, marked.name());
        marks.extend(taken.into_iter().map(|attribute| (marked, attribute)));
    }
    if let Some((_, second)) = marks.get(1) {
        errors.at(second, "one of `#[rpc]`, `#[message]` and `#[signal]` for each method, once");
    }
    if !marks.is_empty() {
        return Some(marks.swap_remove(0));
    }
    if function.default.is_some() {
        return None;
    }
    let slip = misspelt(function);
    let way_out = match &slip {
        Some((right, attribute)) => {
            let (right, path) = (right.attribute(), tokens_text(attribute.path()));
            format!("did you mean {right} where it says `#[{path}]`?")
        }
        None => {
            "mark it `#[rpc]` when the caller waits for an answer, `#[message]` when not, `#[signal]` \
             when it is to be dropped where it would be late"
                .into()
        }
    };
    let name = &function.sig.ident;
    errors.at(name, format!("the contract does not say what `{name}` is: {way_out}"));
    slip
}

/// An attribute that was meant to be ours. It is taken off, for rustc need not say again that it
/// does not know it.
fn misspelt(function: &mut TraitItemFn) -> Option<(Marked, Attribute)> {
    let names = Marked::ALL.map(Marked::name);
    let slip = |attribute: &Attribute| {
        let name = attribute.path().get_ident()?.to_string();
        let right = suggest::nearest(&name, &names)?;
        Marked::ALL.into_iter().find(|marked| marked.name() == right)
    };
    let index = function.attrs.iter().position(|attribute| slip(attribute).is_some())?;
    let attribute = function.attrs.remove(index);
    slip(&attribute).map(|marked| (marked, attribute))
}
