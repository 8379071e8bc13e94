//! An application on the network: start several, of one name or of more, in groups or not, and see
//! them with `who`. It takes notes and prints them, until it is told to end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use examples::monitor::Monitor;
use examples::program::{self, Failure};
use lexopt::prelude::*;
use postage_core::StartApplication;
use postage_core::prelude::*;

const HELP: &str = "\
An application on the broker at POSTAGE_URL: it takes notes and prints them.

  --name NAME    its name (monitor)
  --group GROUP  puts it into a group; may be given several times
  --host HOST    the host that it says it is on (this machine's name)
  --help         shows this";

#[derive(Default)]
struct Notes(Mutex<HashMap<String, u64>>);

#[message_processor]
impl Monitor for Notes {
    async fn note(&self, text: &str) {
        println!("{text}");
        *self.lock().entry(text.to_owned()).or_default() += 1;
    }

    async fn noted(&self, text: &str) -> u64 {
        self.lock().get(text).copied().unwrap_or_default()
    }
}

impl Notes {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the command line asks for; nothing when it asks for help.
struct Options {
    name: String,
    host: Option<String>,
    groups: Vec<String>,
}

impl Options {
    fn from_command_line() -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self { name: "monitor".to_owned(), host: None, groups: Vec::new() };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("name") => options.name = arguments.value()?.string()?,
                Long("group") => options.groups.push(arguments.value()?.string()?),
                Long("host") => options.host = Some(arguments.value()?.string()?),
                Long("help") => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(options))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let Some(Options { name, host, groups }) = Options::from_command_line()? else {
        println!("{HELP}");
        return Ok(());
    };
    let broker = program::connect().await?;
    let mut start = broker.serve(Notes::default()).application(name);
    start = groups.into_iter().fold(start, StartApplication::group);
    start = host.into_iter().fold(start, StartApplication::host);
    let application = start.version(env!("CARGO_PKG_VERSION")).await?;

    let me = application.fingerprint();
    eprintln!("{} is there, alone at {}@{}", me.name, me.pid, me.host);
    let why = program::told_to_end(application.stopped()).await?;
    application.drain(program::DRAIN_LIMIT).await;
    program::end(&broker, why).await
}
