use std::fmt;

use super::{DeclareExchange, Exchange, ExchangeKind};
use crate::message::Fingerprint;

/// The exchange over which applications are addressed: Python Postage's
/// `generic-application-exchange`.
pub const APPLICATIONS: Exchange = Exchange::declared(APPLICATIONS_NAME, ExchangeKind::Direct);

pub(crate) const APPLICATIONS_NAME: &str = "generic-application-exchange";

/// [`APPLICATIONS`], as contracts name it.
#[doc(hidden)]
#[derive(Debug)]
pub struct ApplicationExchange;

impl DeclareExchange for ApplicationExchange {
    const ROUTE: Exchange = APPLICATIONS;
}

/// How a key ends that only one of several gets.
const IN_TURN: &str = "/rr";

/// Which applications get a message: a client takes it by `to` where it takes a routing key.
///
/// | address | who gets a message |
/// |---|---|
/// | `Address::name("monitor")` | all of this name |
/// | `Address::name("monitor").in_turn()` | one of this name, the next each time |
/// | `Address::host("desk")` | all on this host |
/// | `Address::name("monitor").on("desk")` | all of this name on this host |
/// | `Address::name("monitor").on("desk").in_turn()` | one of these, the next each time |
/// | `Address::name("monitor").group("night")` | all of this name in this group |
/// | `Address::name("monitor").group("night").in_turn()` | one of these, the next each time |
/// | `Address::unique(&fingerprint)` | the one of this fingerprint |
/// | `Address::everyone()` | all applications of the virtual host, but for Python's |
///
/// All but the last are Python Postage's, and reach its applications too.
///
/// ```
/// use postage_core::{Address, Fingerprint};
///
/// let night = Address::from(Address::name("monitor").group("night"));
/// assert_eq!(night.key(), "monitor#night");
/// assert_eq!(Address::name("monitor").on("desk").in_turn().key(), "monitor@desk/rr");
///
/// let mut one = Fingerprint::new("monitor", "application");
/// (one.pid, one.host) = ("4021".into(), "desk".into());
/// assert_eq!(Address::unique(&one).key(), "4021@desk");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    key: String,
}

/// All applications of one name, made by [`Address::name`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedAddress {
    name: String,
}

/// All applications of one name on a host or in a group, made by [`NamedAddress::on`] and
/// [`NamedAddress::group`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NarrowedAddress {
    key: String,
}

impl Address {
    /// All applications of this name.
    #[must_use]
    pub fn name(name: impl Into<String>) -> NamedAddress {
        NamedAddress { name: name.into() }
    }

    /// All applications on this host, whatever their names.
    #[must_use]
    pub fn host(host: impl AsRef<str>) -> Self {
        Self { key: format!("@{}", host.as_ref()) }
    }

    /// The one application of this fingerprint.
    #[must_use]
    pub fn unique(fingerprint: &Fingerprint) -> Self {
        Self { key: format!("{}@{}", fingerprint.pid, fingerprint.host) }
    }

    /// All applications of the virtual host. Those of Python Postage do not listen there.
    #[must_use]
    pub fn everyone() -> Self {
        // No name, host or group has a slash.
        Self { key: "@/all".to_owned() }
    }

    /// Where applications say that they start and stop.
    pub(crate) fn news() -> Self {
        Self { key: "@/news".to_owned() }
    }

    /// The address with this key.
    pub(crate) const fn of_key(key: String) -> Self {
        Self { key }
    }

    /// The exchange and key that a producer sends to.
    pub(crate) fn eks(&self) -> [(Exchange, String); 1] {
        [(APPLICATIONS, self.key.clone())]
    }

    /// The routing key, on the exchange [`APPLICATIONS`].
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl NamedAddress {
    /// Those of this name that run on this host.
    #[must_use]
    pub fn on(&self, host: impl AsRef<str>) -> NarrowedAddress {
        NarrowedAddress { key: format!("{}@{}", self.name, host.as_ref()) }
    }

    /// Those of this name that are in this group.
    #[must_use]
    pub fn group(&self, group: impl AsRef<str>) -> NarrowedAddress {
        NarrowedAddress { key: format!("{}#{}", self.name, group.as_ref()) }
    }

    /// One of this name, the next each time.
    #[must_use]
    pub fn in_turn(&self) -> Address {
        Address { key: format!("{}{IN_TURN}", self.name) }
    }
}

impl NarrowedAddress {
    /// One of these, the next each time.
    ///
    /// The queue of a group stays when all have left it, so what is sent in turn to a group of
    /// nobody is not `Unroutable`: it waits there for whoever joins. Only a group that nobody has
    /// ever joined has no queue.
    #[must_use]
    pub fn in_turn(&self) -> Address {
        Address { key: format!("{}{IN_TURN}", self.key) }
    }
}

impl From<NamedAddress> for Address {
    fn from(named: NamedAddress) -> Self {
        Self { key: named.name }
    }
}

impl From<NarrowedAddress> for Address {
    fn from(narrowed: NarrowedAddress) -> Self {
        Self { key: narrowed.key }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the wire sheet.
    #[test]
    fn each_address_has_the_key_of_python_postage() {
        let monitor = Address::name("N");
        let key = |address: Address| address.key().to_owned();
        assert_eq!(key(monitor.clone().into()), "N");
        assert_eq!(key(monitor.in_turn()), "N/rr");
        assert_eq!(key(Address::host("H")), "@H");
        assert_eq!(key(monitor.on("H").into()), "N@H");
        assert_eq!(key(monitor.on("H").in_turn()), "N@H/rr");
        assert_eq!(key(monitor.group("G").into()), "N#G");
        assert_eq!(key(monitor.group("G").in_turn()), "N#G/rr");
    }
}
