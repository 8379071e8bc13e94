//! Arguments of one kind each: texts, flags, numbers, durations, paths.

use std::ops::RangeInclusive;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Lit, LitInt, LitStr, Path};

use super::args::{Args, Argument, Value};
use crate::errors::Errors;

/// AMQP's limit for a name or a key, in bytes.
const LONGEST_NAME: usize = 255;

impl Argument {
    /// What to point at when the value is of the wrong kind.
    fn wrong(&self, errors: &Errors, expected: &str) {
        let message = format!("`{}` takes {expected}", self.name);
        match &self.value {
            Value::Flag => errors.at(&self.name, message),
            Value::Literal(literal) => errors.at(literal, message),
            Value::Path(path) => errors.at(path, message),
            Value::List(_, span) => errors.at_span(*span, message),
        }
    }

    /// The text in quotes, of any length.
    pub(crate) fn text(&self, errors: &Errors, example: &str) -> Option<LitStr> {
        match &self.value {
            Value::Literal(Lit::Str(text)) => Some(text.clone()),
            _ => {
                self.wrong(errors, &format!("a text in quotes, like {example}"));
                None
            }
        }
    }

    pub(crate) fn path(&self, errors: &Errors, expected: &str) -> Option<Path> {
        match &self.value {
            Value::Path(path) => Some(path.clone()),
            _ => {
                self.wrong(errors, expected);
                None
            }
        }
    }

    pub(crate) fn list(self, errors: &Errors, expected: &str) -> Option<(TokenStream, Span)> {
        match self.value {
            Value::List(tokens, span) => Some((tokens, span)),
            _ => {
                self.wrong(errors, expected);
                None
            }
        }
    }
}

impl Args<'_> {
    /// A name: not empty, at most 255 bytes.
    pub(crate) fn name(&mut self, name: &'static str) -> Option<LitStr> {
        let text = self.take(name)?.text(self.errors, "`\"orders\"`")?;
        check_name(&text, name, self.errors).then_some(text)
    }

    /// A name that must be given.
    pub(crate) fn required_name(&mut self, name: &'static str, missing: &str) -> Option<LitStr> {
        if !self.has(name) && !self.misspelt(name) {
            self.errors.at_span(self.span, missing);
        }
        self.name(name)
    }

    /// A routing or binding key: at most 255 bytes, empty where an exchange ignores it.
    pub(crate) fn key(&mut self, name: &'static str) -> Option<LitStr> {
        let text = self.take(name)?.text(self.errors, "`\"orders.desk\"`")?;
        check_length(&text, name, self.errors).then_some(text)
    }

    /// `name` for true, `name = true`, `name = false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let argument = self.take(name)?;
        match &argument.value {
            Value::Flag => Some(true),
            Value::Literal(Lit::Bool(value)) => Some(value.value),
            _ => {
                let expected = format!("`true` or `false`; `{name}` alone means true");
                argument.wrong(self.errors, &expected);
                None
            }
        }
    }

    /// A whole number within these limits.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        limits: RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u64> {
        let argument = self.take(name)?;
        let (least, most) = (limits.start(), limits.end());
        let expected = if *most == u64::MAX {
            format!("a whole number of {unit}, {least} or more")
        } else {
            format!("a whole number of {unit} from {least} to {most}")
        };
        let value = match &argument.value {
            Value::Literal(Lit::Int(number)) => whole(number),
            _ => None,
        };
        let value = value.filter(|value| limits.contains(value));
        if value.is_none() {
            argument.wrong(self.errors, &expected);
        }
        value
    }

    /// A duration as a text, in milliseconds, longer than nothing.
    pub(crate) fn duration(&mut self, name: &'static str) -> Option<u64> {
        let argument = self.take(name)?;
        let text = match &argument.value {
            Value::Literal(Lit::Str(text)) => text.clone(),
            _ => {
                argument.wrong(self.errors, DURATIONS);
                return None;
            }
        };
        match milliseconds(&text.value()) {
            Some(0) => {
                let message = format!("`{name}` must be longer than nothing");
                self.errors.at(&text, message);
                None
            }
            Some(millis) => Some(millis),
            None => {
                self.errors.at(&text, format!("`{name}` takes {DURATIONS}"));
                None
            }
        }
    }

    /// The path of an exchange's type.
    pub(crate) fn exchange(&mut self, name: &'static str) -> Option<Path> {
        self.take(name)?.path(self.errors, "the type of an exchange, like `Orders`, without quotes")
    }
}

/// Reports a name that AMQP cannot carry, or an empty one.
pub(crate) fn check_name(text: &LitStr, what: &str, errors: &Errors) -> bool {
    if text.value().is_empty() {
        errors.at(text, format!("`{what}` is empty; give it 1 to {LONGEST_NAME} bytes"));
        return false;
    }
    check_length(text, what, errors)
}

/// Reports a text that is too long for AMQP.
pub(crate) fn check_length(text: &LitStr, what: &str, errors: &Errors) -> bool {
    let length = text.value().len();
    if length > LONGEST_NAME {
        let message = format!("`{what}` has {length} bytes; AMQP carries at most {LONGEST_NAME}");
        errors.at(text, message);
    }
    length <= LONGEST_NAME
}

const DURATIONS: &str =
    "a duration: a whole number and a unit, `\"250ms\"`, `\"2s\"`, `\"5m\"` or `\"1h\"`";

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn whole(number: &LitInt) -> Option<u64> {
    number.suffix().is_empty().then(|| number.base10_parse().ok()).flatten()
}

/// The text of some tokens, as close to how people write as tokens allow.
pub(crate) fn tokens_text(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    let tight = [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        ("' ", "'"),
    ];
    for (loose, close) in tight {
        text = text.replace(loose, close);
    }
    text.replace("->", " -> ").replace("  ", " ").replace(",)", ")").replace(",>", ">")
}

#[cfg(test)]
mod tests {
    use super::{milliseconds, tokens_text};

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("2s", Some(2_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("2", None),
            ("s", None),
            ("2 s", None),
            ("2.5s", None),
            ("", None),
            ("-2s", None),
            ("2days", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_type_reads_as_people_write_it() {
        for text in [
            "&str",
            "Option<&str>",
            "Result<u64, Refused>",
            "std::collections::HashMap<String, Vec<u8>>",
            "(u8, &[u8])",
            "[u8; 4]",
            "()",
            "Cow<'a, str>",
            "&'a str",
        ] {
            let tokens: proc_macro2::TokenStream = text.parse().unwrap();
            assert_eq!(tokens_text(tokens), text);
        }
    }
}
