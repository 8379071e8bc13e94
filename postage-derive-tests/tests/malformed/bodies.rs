//! Malformed bodies without end, the same for the same seed.

/// A call that the service answers. What is malformed is made from it.
pub(crate) const GOOD: &[u8] = br#"{"type":"command","name":"keep","category":"rpc","version":"2","fingerprint":{},"content":{"parameters":{"value":"caf\u00e9","times":3}},"_reserved":{}}"#;

/// What a service finds wrong with a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It is no message.
    Message,
    /// It is one, and its parameters do not fit the handler.
    Parameters,
}

impl Fault {
    /// The exception that the caller gets.
    pub(crate) fn exception(self) -> &'static str {
        match self {
            Self::Message => "MalformedMessage",
            Self::Parameters => "InvalidParameters",
        }
    }
}

/// A malformed body.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fault: Fault,
}

/// Makes them: each kind in its turn, each with its own chance.
pub(crate) struct Bodies {
    state: u64,
    made: usize,
    limit: usize,
}

/// JSON values of every type.
const VALUES: [&str; 8] =
    ["null", "true", "-7", "1.5e3", r#""""#, r#""text""#, "[1]", r#"{"a":1}"#];

impl Bodies {
    /// Bodies for a service with this limit in bytes.
    pub(crate) fn new(seed: u64, limit: usize) -> Self {
        Self { state: seed, made: 0, limit }
    }

    /// The next number of the sequence (splitmix64).
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("it fits");
        usize::try_from(self.number() % end).expect("it fits")
    }

    fn value_but(&mut self, allowed: &[&str]) -> &'static str {
        let wrong: Vec<_> = VALUES.into_iter().filter(|value| !allowed.contains(value)).collect();
        wrong[self.below(wrong.len())]
    }

    /// Bytes of no meaning; the first one begins no JSON.
    fn random_bytes(&mut self) -> Vec<u8> {
        let length = self.below(2_000);
        let mut bytes = vec![b'#'];
        bytes.extend((0..length).map(|_| self.number().to_le_bytes()[0]));
        bytes
    }

    /// A good body, cut somewhere.
    fn truncated(&mut self) -> Vec<u8> {
        GOOD[..self.below(GOOD.len())].to_vec()
    }

    /// A good body with one byte that no JSON has there.
    fn damaged(&mut self) -> Vec<u8> {
        let mut bytes = GOOD.to_vec();
        let place = self.below(bytes.len());
        bytes[place] = [0x00, 0x0A, 0xFF, 0xC3][self.below(4)];
        bytes
    }

    /// A body whose type, name, category or content is of the wrong type, or is not there.
    fn wrong_frame(&mut self) -> Vec<u8> {
        let text = [r#""""#, r#""text""#];
        let mut parts = [
            r#""type":"command""#.to_owned(),
            r#""name":"keep""#.to_owned(),
            r#""category":"rpc""#.to_owned(),
            r#""content":{"parameters":{"value":1,"times":3}}"#.to_owned(),
        ];
        match self.below(7) {
            0 => parts[0] = format!(r#""type":{}"#, self.value_but(&text)),
            1 => parts[1] = format!(r#""name":{}"#, self.value_but(&text)),
            2 => parts[2] = format!(r#""category":{}"#, self.value_but(&[])),
            missing => parts[missing - 3] = r#""other":1"#.to_owned(),
        }
        format!("{{{}}}", parts.join(",")).into_bytes()
    }

    /// JSON, but no object.
    fn no_object(&mut self) -> Vec<u8> {
        let value = self.value_but(&[VALUES[7]]);
        format!(r#"[{value},"keep","rpc",{{}},{{"parameters":{{}}}},{{}}]"#)
            [usize::from(self.below(2) == 0)..]
            .to_owned()
            .into_bytes()
    }

    /// Nested ten thousand times, by itself or where a handler reads it: a list or a map, closed or
    /// not.
    fn deep_body(&mut self) -> Vec<u8> {
        const DEPTH: usize = 10_000;
        let (open, close) = [("[", "]"), (r#"{"a":"#, "}")][self.below(2)];
        let closed = if self.below(2) == 0 { close.repeat(DEPTH) } else { String::new() };
        let deep = format!("{}1{closed}", open.repeat(DEPTH));
        match self.below(2) {
            0 => deep.into_bytes(),
            _ => format!(
                r#"{{"type":"command","name":"keep","category":"rpc","content":{{"parameters":{{"value":{deep},"times":3}}}}}}"#
            )
            .into_bytes(),
        }
    }

    /// A call whose content or parameters the handler cannot take.
    fn wrong_parameters(&mut self) -> Vec<u8> {
        let content = match self.below(5) {
            0 => self.value_but(&["null", VALUES[7]]).to_owned(),
            1 => format!(r#"{{"parameters":{}}}"#, self.value_but(&[])),
            2 => format!(r#"{{"parameters":{{"value":1,"times":{}}}}}"#, self.value_but(&[])),
            3 => r#"{"parameters":{"value":"\ud800","times":3}}"#.to_owned(),
            _ => r#"{"parameters":{"value":1e999999,"times":3}}"#.to_owned(),
        };
        format!(r#"{{"type":"command","name":"keep","category":"rpc","content":{content}}}"#)
            .into_bytes()
    }

    /// A good call but for its size.
    fn too_long(&mut self) -> Vec<u8> {
        let over = 1 + self.below(100);
        let mut bytes = GOOD.to_vec();
        bytes.resize(self.limit + over, b' ');
        bytes
    }
}

impl Iterator for Bodies {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        let kind = self.made % 8;
        self.made += 1;
        let (bytes, fault) = match kind {
            0 => (self.random_bytes(), Fault::Message),
            1 => (self.truncated(), Fault::Message),
            2 => (self.damaged(), Fault::Message),
            3 => (self.wrong_frame(), Fault::Message),
            4 => (self.no_object(), Fault::Message),
            5 => (self.deep_body(), Fault::Message),
            6 => (self.wrong_parameters(), Fault::Parameters),
            _ => (self.too_long(), Fault::Message),
        };
        Some(Body { bytes, fault })
    }
}
