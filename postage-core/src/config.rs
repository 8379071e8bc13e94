//! Where the broker is and who we are to it.

use std::fmt;

/// Where the broker is, and who this program is to it.
///
/// Each part is taken from the first of: its own setter, the address, the environment, the
/// default. The password never shows in `Debug`, a log or an error.
#[derive(Clone, Default)]
pub struct Config {
    pub(crate) url: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) vhost: Option<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}
