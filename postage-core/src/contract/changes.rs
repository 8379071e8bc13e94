//! What a newer contract changes, and whom that breaks.

use super::fit::{Misfit, misfits};
use super::shape::{Parameter, Shape};
use super::{Breaks, Contract, ContractChange, Method};
use crate::message::Category;
use crate::topology::Exchange;

impl Contract {
    /// What a newer form of this contract changes, and whom each change breaks: by the rule that
    /// services [keep](Contract#signatures). A test that holds the contract of the last release beside
    /// this one says so before a caller does.
    ///
    /// ```
    /// use postage_core::Breaks;
    /// use postage_core::prelude::*;
    ///
    /// # #[exchange(name = "orders")]
    /// # pub struct Orders;
    /// mod before {
    ///     # use postage_core::prelude::*;
    ///     # use super::Orders;
    ///     #[producer(exchange = Orders, key = "desk")]
    ///     pub trait OrderDesk {
    ///         #[rpc]
    ///         async fn place(&self, item: &str, quantity: u32) -> u64;
    ///     }
    /// }
    ///
    /// #[producer(exchange = Orders, key = "desk")]
    /// pub trait OrderDesk {
    ///     #[rpc]
    ///     async fn place(&self, item: &str, quantity: u64, note: Option<&str>) -> u64;
    /// }
    ///
    /// # fn main() {
    /// let changes = before::OrderDesk.changes_to(&OrderDesk);
    /// let texts: Vec<_> = changes.iter().map(ToString::to_string).collect();
    /// assert_eq!(texts, [
    ///     "`place`: `quantity` is u64, and was u32; breaks old callers and new ones",
    ///     "`place`: the parameter `note: str?` is new; breaks nobody",
    /// ]);
    /// assert_eq!(changes[1].breaks(), Breaks::Nobody);
    /// # }
    /// ```
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> Vec<ContractChange> {
        let mut changes: Vec<_> = self.version_change(newer).into_iter().collect();
        changes.extend(self.exchange_changes(newer));
        let pairs = pairs(self.methods(), newer.methods());
        for (old, new) in &pairs {
            match (old, new) {
                (Some(old), Some(new)) => {
                    changes.extend(name_change(old, new));
                    changes.extend(self.route_change(old, newer, new));
                    changes.extend(signature_changes(old, new));
                    changes.extend(error_change(old, new));
                }
                (Some(old), None) => {
                    let what = "it is gone".to_owned();
                    changes.push(ContractChange::of_method(old, what, Breaks::OldCallers));
                }
                (None, Some(new)) => {
                    let what = "it is new".to_owned();
                    changes.push(ContractChange::of_method(new, what, Breaks::NewCallers));
                }
                (None, None) => {}
            }
        }
        changes
    }

    /// A version and none understand each other.
    fn version_change(&self, newer: &Self) -> Option<ContractChange> {
        if self.version() == newer.version() {
            return None;
        }
        let shown =
            |version: Option<&str>| version.map_or("none".to_owned(), |it| format!("`{it}`"));
        let both = self.version().is_some() && newer.version().is_some();
        let (new, old) = (shown(newer.version()), shown(self.version()));
        let what = format!("the version is {new}, and was {old}");
        Some(ContractChange::of_contract(what, Breaks::of(both, both)))
    }

    /// An exchange that both name and declare differently: the broker refuses whoever comes second.
    fn exchange_changes(&self, newer: &Self) -> Vec<ContractChange> {
        let mut changes: Vec<ContractChange> = Vec::new();
        for (old, _) in self.routes() {
            let same = newer.routes().iter().find(|(new, _)| new.name == old.name);
            let Some((new, _)) = same.filter(|(new, _)| new != old) else { continue };
            let what = format!("the exchange `{}` is declared otherwise", new.name);
            if changes.iter().all(|known| known.what() != what) {
                changes.push(ContractChange::of_contract(what, Breaks::Everybody));
            }
        }
        changes
    }

    /// Where a method is sent. A service is bound to the first of it at least.
    fn route_change(&self, old: &Method, newer: &Self, new: &Method) -> Option<ContractChange> {
        let (before, now) = (self.targets(old), newer.targets(new));
        if before == now {
            return None;
        }
        let breaks = before.first() != now.first();
        let what = format!("it goes to {}, and went to {}", listed(&now), listed(&before));
        Some(ContractChange::of_method(new, what, Breaks::of(breaks, breaks)))
    }

    /// The exchanges and keys, by name, as a producer chooses them.
    fn targets(&self, method: &Method) -> Vec<(&str, &'static str)> {
        let named = |(exchange, key): &'static (Exchange, &'static str)| (&*exchange.name, *key);
        let several = method.key.is_none() && method.category() == Category::Message;
        let of = if several { self.routes().len() } else { 1 };
        let targets = self.routes().iter().take(of).map(named);
        targets.map(|(exchange, key)| (exchange, method.key.unwrap_or(key))).collect()
    }
}

fn listed(targets: &[(&str, &str)]) -> String {
    let listed: Vec<_> =
        targets.iter().map(|(exchange, key)| format!("`{key}` of `{exchange}`")).collect();
    if listed.is_empty() { "where each call says".to_owned() } else { listed.join(" and ") }
}

/// The methods that belong together: by what travels, else by their names in Rust.
fn pairs<'m>(
    old: &'m [Method],
    new: &'m [Method],
) -> Vec<(Option<&'m Method>, Option<&'m Method>)> {
    let wire = |method: &Method| (method.category(), method.kind(), method.name());
    let on_wire =
        |one: &Method, others: &'m [Method]| others.iter().find(|other| wire(other) == wire(one));
    let partner = |one: &Method, own: &'m [Method], others: &'m [Method]| {
        let by_name = || {
            let named = others.iter().find(|other| other.method() == one.method());
            named.filter(|other| on_wire(other, own).is_none())
        };
        on_wire(one, others).or_else(by_name)
    };
    let kept = old.iter().map(|one| (Some(one), partner(one, old, new)));
    let added = new.iter().filter(|one| partner(one, new, old).is_none());
    kept.chain(added.map(|one| (None, Some(one)))).collect()
}

/// What a message is called decides who gets it; what a method is called decides nothing.
fn name_change(old: &Method, new: &Method) -> Option<ContractChange> {
    let shown = |method: &Method| {
        let verb = if method.category() == Category::Rpc { "called" } else { "told" };
        format!("{verb} as {} `{}`", method.kind(), method.name())
    };
    let (now, before) = (shown(new), shown(old));
    if now != before {
        let what = format!("it is {now}, and was {before}");
        return Some(ContractChange::of_method(new, what, Breaks::Everybody));
    }
    let renamed = old.method() != new.method();
    renamed.then(|| {
        let what = format!("it was called `{}` in Rust only", old.method());
        ContractChange::of_method(new, what, Breaks::Nobody)
    })
}

/// What of the signatures differs, and who does not fit whom by it. A method without one is compared
/// by nobody.
fn signature_changes(old: &Method, new: &Method) -> Vec<ContractChange> {
    let (Some(before), Some(now)) = (old.signature(), new.signature()) else { return Vec::new() };
    let (Some(before), Some(now)) = (Shape::read(before), Shape::read(now)) else {
        return Vec::new();
    };
    let old_callers = misfits(&before, &now);
    let new_callers = misfits(&now, &before);
    let change = |what, about: &dyn Fn(&Misfit<'_>) -> bool| {
        let breaks = Breaks::of(old_callers.iter().any(about), new_callers.iter().any(about));
        ContractChange::of_method(new, what, breaks)
    };

    let mut changes = Vec::new();
    if before.bare != now.bare {
        let without = |bare| if bare { "without its name" } else { "by its name" };
        let (now, before) = (without(now.bare), without(before.bare));
        let what = format!("a parameter travels {now}, and did {before}");
        changes.push(change(what, &|misfit| matches!(misfit, Misfit::Bare { .. })));
    }
    for (what, name) in parameter_changes(&before.parameters, &now.parameters) {
        changes.push(change(what, &|misfit| match misfit {
            Misfit::Parameter { name: of, .. } | Misfit::Missing { name: of, .. } => *of == name,
            Misfit::Bare { .. } | Misfit::Value { .. } => false,
        }));
    }
    if let (Some(before), Some(now)) = (&before.value, &now.value)
        && before.text != now.text
    {
        let what = format!("it answers {}, and answered {}", now.text, before.text);
        changes.push(change(what, &|misfit| matches!(misfit, Misfit::Value { .. })));
    }
    changes
}

/// Each parameter that is changed, new or gone: what of it, and its name.
fn parameter_changes<'a>(old: &[Parameter<'a>], new: &[Parameter<'a>]) -> Vec<(String, &'a str)> {
    let named = |of: &[Parameter<'a>], name| of.iter().position(|parameter| parameter.name == name);
    let now = new.iter().filter_map(|parameter| {
        let name = parameter.name;
        let Some(place) = named(old, name) else {
            return Some((format!("the parameter `{name}: {}` is new", shown(parameter)), name));
        };
        let (now, before) = (shown(parameter), shown(&old[place]));
        (now != before).then(|| (format!("`{name}` is {now}, and was {before}"), name))
    });
    let gone = old.iter().filter(|parameter| named(new, parameter.name).is_none());
    let gone = gone.map(|parameter| {
        let name = parameter.name;
        (format!("the parameter `{name}: {}` is gone", shown(parameter)), name)
    });
    now.chain(gone).collect()
}

fn shown(parameter: &Parameter<'_>) -> String {
    let default = if parameter.defaulted { " with a default" } else { "" };
    format!("{}{default}", parameter.typed.text)
}

/// An error that the caller does not know is a general error to it.
fn error_change(old: &Method, new: &Method) -> Option<ContractChange> {
    let (before, now) = (documented_error(old.returns()), documented_error(new.returns()));
    if before == now {
        return None;
    }
    let shown = |error: Option<&str>| error.map_or("none".to_owned(), |it| format!("`{it}`"));
    let what = format!("the documented error is {}, and was {}", shown(now), shown(before));
    Some(ContractChange::of_method(new, what, Breaks::Nobody))
}

/// The `E` of a `Result<T, E>`, as written.
fn documented_error(returns: &str) -> Option<&str> {
    let (name, arguments) = returns.strip_suffix('>')?.split_once('<')?;
    if name != "Result" && !name.ends_with("::Result") {
        return None;
    }
    let mut depth = 0_usize;
    let comma = arguments.char_indices().find(|(_, letter)| {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *letter == ','
    });
    comma.map(|(place, _)| arguments[place + 1..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::ExchangeKind;

    #[test]
    fn the_documented_error_is_the_second_type_of_a_result() {
        for (returns, error) in [
            ("Result<u64, Refused>", Some("Refused")),
            ("std::result::Result<(u8, Vec<u8>), Box<Refused>>", Some("Box<Refused>")),
            ("Result<HashMap<String, [u8; 4]>, a::B<C, D>>", Some("a::B<C, D>")),
            ("Vec<u64>", None),
            ("OurResult<u8, u8>", None),
            ("u64", None),
            ("()", None),
        ] {
            assert_eq!(documented_error(returns), error, "{returns}");
        }
    }

    fn texts(old: &'static [Method], new: &'static [Method]) -> Vec<String> {
        let contract = |methods| Contract::new("Desk", &[], methods);
        contract(old).changes_to(&contract(new)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn methods_belong_together_by_what_travels_before_their_names() {
        const OLD: &[Method] = &[
            Method::rpc("command", "place", "place", &[], "u64"),
            Method::rpc("command", "count", "count", &[], "u64"),
            Method::message("command", "note", "note", &[]),
            Method::rpc("command", "gone", "gone", &[], "u64"),
        ];
        const NEW: &[Method] = &[
            Method::rpc("command", "place", "order", &[], "u64"),
            Method::rpc("command", "place_all", "place", &[], "u64"),
            Method::rpc("query", "count", "count", &[], "u64"),
            Method::rpc("command", "note", "note", &[], "()"),
        ];
        assert_eq!(
            texts(OLD, NEW),
            [
                "`order`: it was called `place` in Rust only; breaks nobody",
                "`count`: it is called as query `count`, and was called as command `count`; breaks \
                 old callers and new ones",
                "`note`: it is called as command `note`, and was told as command `note`; breaks old \
                 callers and new ones",
                "`gone`: it is gone; breaks old callers of a new service",
                "`place`: it is new; breaks new callers of an old service",
            ]
        );
        assert_eq!(texts(OLD, OLD), [""; 0]);
    }

    #[test]
    fn a_message_that_goes_to_more_places_breaks_nobody_and_one_that_goes_elsewhere_everybody() {
        const METHODS: &[Method] = &[
            Method::message("command", "note", "note", &[]),
            Method::rpc("command", "count", "count", &[], "u64"),
            Method::message("command", "tell", "tell", &[]).key("own"),
        ];
        const ORDERS: Exchange = Exchange::declared("orders", ExchangeKind::Direct);
        const AUDIT: Exchange = Exchange::declared("audit", ExchangeKind::Direct);
        const TOPIC: Exchange = Exchange::declared("orders", ExchangeKind::Topic);
        const HERE: &[(Exchange, &str)] = &[(ORDERS, "desk")];
        const MORE: &[(Exchange, &str)] = &[(ORDERS, "desk"), (AUDIT, "all")];
        const ELSEWHERE: &[(Exchange, &str)] = &[(ORDERS, "office")];
        const OTHERWISE: &[(Exchange, &str)] = &[(TOPIC, "desk")];
        let contract = |routes| Contract::new("Desk", routes, METHODS);
        let old = contract(HERE);
        let texts = |new: Contract| -> Vec<_> {
            old.changes_to(&new).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            texts(contract(MORE)),
            ["`note`: it goes to `desk` of `orders` and `all` of `audit`, and went to `desk` of \
              `orders`; breaks nobody"]
        );
        let moved = texts(contract(ELSEWHERE));
        assert_eq!(moved.len(), 2);
        assert!(moved.iter().all(|text| text.ends_with("breaks old callers and new ones")));
        assert_eq!(
            texts(contract(OTHERWISE)),
            ["the exchange `orders` is declared otherwise; breaks old callers and new ones"]
        );
    }
}
