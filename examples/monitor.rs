//! What one may ask of the applications that `application` starts.

use postage_core::prelude::*;

/// Takes notes, and counts them.
#[producer(application)]
pub trait Monitor {
    /// Takes a note. Nobody answers.
    #[message]
    async fn note(&self, text: &str);

    /// Answers how often this note was taken.
    #[rpc]
    async fn noted(&self, text: &str) -> u64;
}
