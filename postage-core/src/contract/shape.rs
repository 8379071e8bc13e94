//! A signature, read: `item:str,quantity:u32=,note:str?->u64`.
//!
//! ```text
//! signature  = [parameter {"," parameter}] ["->" type]
//! parameter  = ["*"] name ":" type ["="]        "*": it travels without its name
//!                                               "=": it may be left out
//! type       = one {"?"}
//! one        = "[" type [";" name] "]" | "{" type ":" type "}" | "(" [type {"," type}] ")"
//!            | name ["<" type {"," type} ">"] ["#" name]
//! ```

/// How deep types may be nested: a peer chooses the text.
const DEEPEST: usize = 32;

/// What ends a name.
const MARKS: &str = ":,=?<>()[]{};#*-";

/// What a caller sends and wants, or a service takes and answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    /// The only parameter travels without its name.
    pub(super) bare: bool,
    pub(super) parameters: Vec<Parameter<'a>>,
    /// `None`: nobody is answered.
    pub(super) value: Option<Typed<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    pub(super) typed: Typed<'a>,
    /// It has a default.
    pub(super) defaulted: bool,
}

/// A type and its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed<'a> {
    pub(super) text: &'a str,
    pub(super) form: Form<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    Optional(Box<Form<'a>>),
    List(Box<Form<'a>>),
    Array(Box<Form<'a>>, &'a str),
    Map(Box<Form<'a>>, Box<Form<'a>>),
    Tuple(Vec<Form<'a>>),
    Named {
        name: &'a str,
        arguments: Vec<Form<'a>>,
        /// Of its JSON Schema.
        digest: Option<&'a str>,
    },
}

impl<'a> Shape<'a> {
    /// Nothing, where the text is no signature.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut reader = Reader { rest: text, depth: 0 };
        let mut shape = Self::default();
        if !text.is_empty() && !text.starts_with("->") {
            shape.bare = reader.takes("*");
            shape.parameters.push(reader.parameter()?);
            while !shape.bare && reader.takes(",") {
                shape.parameters.push(reader.parameter()?);
            }
        }
        if reader.takes("->") {
            shape.value = Some(reader.typed()?);
        }
        reader.rest.is_empty().then_some(shape)
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn takes(&mut self, mark: &str) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, mark: &str) -> Option<()> {
        self.takes(mark).then_some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        let ends = |letter: char| MARKS.contains(letter) || letter.is_whitespace();
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then_some(name)
    }

    fn parameter(&mut self) -> Option<Parameter<'a>> {
        let name = self.name()?;
        self.expect(":")?;
        let typed = self.typed()?;
        Some(Parameter { name, typed, defaulted: self.takes("=") })
    }

    fn typed(&mut self) -> Option<Typed<'a>> {
        let before = self.rest;
        let form = self.form()?;
        let text = before.get(..before.len() - self.rest.len())?;
        Some(Typed { text, form })
    }

    fn form(&mut self) -> Option<Form<'a>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut form = self.one()?;
        let mut options = 0;
        while self.takes("?") {
            options += 1;
            if self.depth + options > DEEPEST {
                return None;
            }
            form = Form::Optional(Box::new(form));
        }
        self.depth -= 1;
        Some(form)
    }

    fn one(&mut self) -> Option<Form<'a>> {
        if self.takes("[") {
            let of = Box::new(self.form()?);
            let length = if self.takes(";") { Some(self.name()?) } else { None };
            self.expect("]")?;
            return Some(match length {
                Some(length) => Form::Array(of, length),
                None => Form::List(of),
            });
        }
        if self.takes("{") {
            let key = self.form()?;
            self.expect(":")?;
            let value = self.form()?;
            self.expect("}")?;
            return Some(Form::Map(Box::new(key), Box::new(value)));
        }
        if self.takes("(") {
            let of = if self.rest.starts_with(')') { Vec::new() } else { self.several()? };
            self.expect(")")?;
            return Some(Form::Tuple(of));
        }
        let name = self.name()?;
        let mut arguments = Vec::new();
        if self.takes("<") {
            arguments = self.several()?;
            self.expect(">")?;
        }
        let digest = if self.takes("#") { Some(self.name()?) } else { None };
        Some(Form::Named { name, arguments, digest })
    }

    fn several(&mut self) -> Option<Vec<Form<'a>>> {
        let mut several = vec![self.form()?];
        while self.takes(",") {
            several.push(self.form()?);
        }
        Some(several)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_travels_is_read_with_its_types_and_what_may_be_left_out() {
        let shape =
            Shape::read("item:str,quantity:u32=,lines:[Line#0badcafe]?->(u64,{str:Page<u8>})");
        let shape = shape.unwrap();
        let read: Vec<_> = shape
            .parameters
            .iter()
            .map(|parameter| (parameter.name, parameter.typed.text, parameter.defaulted))
            .collect();
        let lines = ("lines", "[Line#0badcafe]?", false);
        assert_eq!(read, [("item", "str", false), ("quantity", "u32", true), lines]);
        assert_eq!(shape.value.unwrap().text, "(u64,{str:Page<u8>})");
        assert!(!shape.bare);
    }

    #[test]
    fn nothing_is_a_signature_and_so_is_a_bare_parameter() {
        assert_eq!(Shape::read(""), Some(Shape::default()));
        assert!(Shape::read("->()").unwrap().value.is_some());
        assert!(Shape::read("*text:str->str").unwrap().bare);
    }

    #[test]
    fn what_is_no_signature_is_not_read() {
        for text in [
            "item",
            "item:",
            ":str",
            "item:str,",
            "item:str ",
            "item:str->",
            "a:u8->u8->u8",
            "a:[u8",
            "a:[u8;]",
            "a:{u8}",
            "a:(u8",
            "a:(,)",
            "a:B<>",
            "a:B#",
            "*a:u8,b:u8",
            "a:u8==",
            "->",
            "a:=",
            "ä ö",
        ] {
            assert_eq!(Shape::read(text), None, "{text}");
        }
    }

    #[test]
    fn types_nested_too_deep_are_not_read_and_no_crash() {
        for (open, close) in [("[", "]"), ("(", ")"), ("B<", ">")] {
            let nested = |depth| format!("a:{}u8{}", open.repeat(depth), close.repeat(depth));
            assert!(Shape::read(&nested(DEEPEST - 1)).is_some());
            assert_eq!(Shape::read(&nested(DEEPEST)), None);
            assert_eq!(Shape::read(&nested(1_000_000)), None);
        }
        assert_eq!(Shape::read(&format!("a:u8{}", "?".repeat(1_000_000))), None);
    }

    proptest! {
        #[test]
        fn whatever_a_peer_sends_is_read_or_not(text in "[a-c:,=?<>()\\[\\]{};#*é -]{0,40}") {
            let _ = Shape::read(&text);
        }
    }
}
