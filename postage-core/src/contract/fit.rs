//! Whether a caller and a service understand each other: the one rule, which the service keeps and a
//! comparison of contracts foretells.

use std::fmt;

use super::shape::{Form, Parameter, Shape};
use crate::message::shorten;

/// What of a caller and a service does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit<'a> {
    /// Both have the parameter.
    Parameter {
        name: &'a str,
        taken: &'a str,
        sent: &'a str,
    },
    /// The caller lacks the parameter.
    Missing {
        name: &'a str,
        taken: &'a str,
    },
    /// The parameter travels without its name, to a service that has several.
    Bare {
        sent: &'a str,
        taken: usize,
    },
    Value {
        answered: &'a str,
        wanted: &'a str,
    },
}

impl fmt::Display for Misfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { name, taken, sent } => {
                write!(f, "takes `{name}` as {taken}, the request has {}", shorten(sent))
            }
            Self::Missing { name, taken } => {
                write!(f, "takes `{name}` as {taken}, the request has none")
            }
            Self::Bare { sent, taken } => {
                let sent = shorten(sent);
                write!(
                    f,
                    "takes {taken} parameters by their names, the request has {sent} without one"
                )
            }
            Self::Value { answered, wanted } => {
                write!(f, "answers {answered}, the caller wants {}", shorten(wanted))
            }
        }
    }
}

/// What of this caller does not fit this service.
pub(super) fn misfits<'a>(caller: &Shape<'a>, service: &Shape<'a>) -> Vec<Misfit<'a>> {
    let mut misfits = match caller.parameters.first().filter(|_| caller.bare) {
        Some(sent) => bare_misfit(sent, &service.parameters).into_iter().collect(),
        None => named_misfits(&caller.parameters, &service.parameters),
    };
    if let (Some(answered), Some(wanted)) = (&service.value, &caller.value)
        && !fits(&answered.form, &wanted.form)
    {
        misfits.push(Misfit::Value { answered: answered.text, wanted: wanted.text });
    }
    misfits
}

fn named_misfits<'a>(sent: &[Parameter<'a>], taken: &[Parameter<'a>]) -> Vec<Misfit<'a>> {
    let misfits =
        taken.iter().filter_map(|taken| match sent.iter().find(|sent| sent.name == taken.name) {
            Some(sent) => misfit(sent, taken),
            None if taken.may_be_left_out() => None,
            None => Some(Misfit::Missing { name: taken.name, taken: taken.typed.text }),
        });
    misfits.collect()
}

/// A value without a name goes to the only parameter, whatever that is called.
fn bare_misfit<'a>(sent: &Parameter<'a>, taken: &[Parameter<'a>]) -> Option<Misfit<'a>> {
    match taken {
        [] => None,
        [taken] => misfit(sent, taken),
        several => Some(Misfit::Bare { sent: sent.typed.text, taken: several.len() }),
    }
}

fn misfit<'a>(sent: &Parameter<'a>, taken: &Parameter<'a>) -> Option<Misfit<'a>> {
    let sent_form = match &sent.typed.form {
        // What is sent as `null` takes the default.
        Form::Optional(form) if taken.defaulted => form,
        form => form,
    };
    let (name, taken, sent) = (taken.name, &taken.typed, sent.typed.text);
    let fits = fits(sent_form, &taken.form);
    (!fits).then_some(Misfit::Parameter { name, taken: taken.text, sent })
}

impl Parameter<'_> {
    pub(super) const fn may_be_left_out(&self) -> bool {
        self.defaulted || matches!(self.typed.form, Form::Optional(_))
    }
}

/// Whether what is written as one type can be read as the other.
fn fits(written: &Form<'_>, read: &Form<'_>) -> bool {
    match (written, read) {
        (Form::Optional(written), Form::Optional(read)) => fits(written, read),
        (written, Form::Optional(read)) => fits(written, read),
        (Form::List(written), Form::List(read)) => fits(written, read),
        (Form::Array(written, of), Form::Array(read, wanted)) => {
            of == wanted && fits(written, read)
        }
        (Form::Map(key, value), Form::Map(read_key, read_value)) => {
            fits(key, read_key) && fits(value, read_value)
        }
        (Form::Tuple(written), Form::Tuple(read)) => all_fit(written, read),
        // Equal schemas make equal types, whatever they are called.
        (Form::Named { digest: Some(one), .. }, Form::Named { digest: Some(other), .. }) => {
            one == other
        }
        (
            Form::Named { name, arguments, .. },
            Form::Named { name: wanted, arguments: of_wanted, .. },
        ) => name == wanted && all_fit(arguments, of_wanted),
        _ => false,
    }
}

fn all_fit(written: &[Form<'_>], read: &[Form<'_>]) -> bool {
    written.len() == read.len()
        && written.iter().zip(read).all(|(written, read)| fits(written, read))
}

/// What of a request does not fit the service, each of it after the other.
pub(super) fn explained(misfits: &[Misfit<'_>]) -> String {
    let texts: Vec<_> = misfits.iter().map(ToString::to_string).collect();
    texts.join("; it ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Why a caller of this signature does not fit a service of that one.
    fn why(caller: &str, service: &str) -> String {
        explained(&misfits(&Shape::read(caller).unwrap(), &Shape::read(service).unwrap()))
    }

    #[test]
    fn what_fits() {
        for (caller, service) in [
            ("", ""),
            ("a:u8,b:str->u64", "b:str,a:u8->u64"),
            // An option takes what is always there; the caller, what is always answered.
            ("a:u8->u64?", "a:u8?->u64"),
            ("a:[u8]", "a:[u8?]?"),
            // What the caller lacks, or sends as null, takes its default.
            ("->()", "a:u8=,b:u8?->()"),
            ("a:u8?", "a:u8="),
            ("a:u8=", "a:u8"),
            // What only the caller has is passed over.
            ("a:u8,b:u8", "a:u8"),
            ("a:Line#1", "a:Line"),
            ("a:Line#1", "a:Row#1"),
            ("a:{str:(u8,[Line;4])}", "a:{str:(u8,[Line;4])}"),
            // A value without a name goes to the only parameter.
            ("*a:u8", "b:u8"),
            ("*a:u8", ""),
            ("a:u8", "*a:u8"),
            ("*a:u8?", "b:u8="),
        ] {
            assert_eq!(why(caller, service), "", "{caller} to {service}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_both_types() {
        for (caller, service, text) in [
            ("a:u32", "a:u64", "takes `a` as u64, the request has u32"),
            ("a:u8?", "a:u8", "takes `a` as u8, the request has u8?"),
            ("a:[u8?]", "a:[u8]", "takes `a` as [u8], the request has [u8?]"),
            ("a:[u8;3]", "a:[u8;4]", "takes `a` as [u8;4], the request has [u8;3]"),
            ("a:(u8)", "a:(u8,u8)", "takes `a` as (u8,u8), the request has (u8)"),
            ("a:{str:u8}", "a:{str:str}", "takes `a` as {str:str}, the request has {str:u8}"),
            ("a:Line#1", "a:Line#2", "takes `a` as Line#2, the request has Line#1"),
            ("a:Line", "a:Row#2", "takes `a` as Row#2, the request has Line"),
            ("a:Page<u8>", "a:Page<str>", "takes `a` as Page<str>, the request has Page<u8>"),
            ("", "a:u8", "takes `a` as u8, the request has none"),
            ("b:u8", "*a:u8", "takes `a` as u8, the request has none"),
            ("*b:str", "a:u8", "takes `a` as u8, the request has str"),
            (
                "*b:str",
                "a:str,b:str=",
                "takes 2 parameters by their names, the request has str without one",
            ),
            ("->u64", "->u64?", "answers u64?, the caller wants u64"),
            ("->()", "->str", "answers str, the caller wants ()"),
            (
                "a:u8->u8",
                "a:str,b:u8->str",
                "takes `a` as str, the request has u8; it takes `b` as u8, the request has none; \
                 it answers str, the caller wants u8",
            ),
        ] {
            assert_eq!(why(caller, service), text, "{caller} to {service}");
        }
    }

    #[test]
    fn a_long_type_of_a_peer_makes_no_long_text() {
        let long = format!("a:{}->{0}", "x".repeat(50_000));
        assert!(why(&long, "a:u8->u8").len() < 1000);
    }

    /// Any type.
    fn any_type() -> impl Strategy<Value = String> {
        let leaf = prop_oneof!["[a-z][a-z0-9]{0,3}", "[A-Z][a-z]{0,3}#[0-9a-f]{8}"];
        leaf.prop_recursive(4, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|of| format!("{of}?")),
                inner.clone().prop_map(|of| format!("[{of}]")),
                (inner.clone(), 0_u8..9).prop_map(|(of, length)| format!("[{of};{length}]")),
                (inner.clone(), inner.clone()).prop_map(|(key, of)| format!("{{{key}:{of}}}")),
                prop::collection::vec(inner.clone(), 0..3)
                    .prop_map(|of| format!("({})", of.join(","))),
                prop::collection::vec(inner, 1..3).prop_map(|of| format!("Of<{}>", of.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_caller_and_a_service_of_one_contract_fit(
            types in prop::collection::vec((any_type(), any::<bool>()), 0..4),
            value in proptest::option::of(any_type()),
        ) {
            let parameters: Vec<_> = types
                .iter()
                .enumerate()
                .map(|(place, (ty, default))| {
                    let default = *default && !ty.ends_with('?');
                    format!("p{place}:{ty}{}", if default { "=" } else { "" })
                })
                .collect();
            let value = value.map(|value| format!("->{value}")).unwrap_or_default();
            let signature = parameters.join(",") + &value;
            prop_assert_eq!(why(&signature, &signature), "");
        }

        #[test]
        fn what_fits_fits_an_option_too_and_an_option_only_an_option(
            written in any_type(),
            read in any_type(),
        ) {
            let fits = |written: &str, read: &str| {
                why(&format!("a:{written}"), &format!("a:{read}")).is_empty()
            };
            let (optional, reads_optional) = (format!("{written}?"), format!("{read}?"));
            prop_assert!(fits(&written, &optional));
            prop_assert!(!fits(&written, &read) || fits(&written, &reads_optional));
            prop_assert!(read.ends_with('?') || !fits(&optional, &read));
        }
    }
}
