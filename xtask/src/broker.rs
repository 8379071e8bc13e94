//! `cargo xtask broker`: a private node to try the examples with.

use std::thread;
use std::time::Duration;

use testbed::RabbitMq;

use crate::Outcome;
use crate::install;
use crate::interrupt::Interrupt;
use crate::run::timed;

const POLL: Duration = Duration::from_millis(100);

pub(crate) fn serve() -> Outcome {
    let interrupt = Interrupt::listen()?;
    install::broker(&interrupt)?;
    let node = timed("start a private RabbitMQ node", || Ok(RabbitMq::start()?))?;
    println!("{}", node.url());
    eprintln!("xtask: RabbitMQ {} runs until Ctrl-C", node.version());
    while !interrupt.asked() {
        thread::sleep(POLL);
    }
    Ok(())
}
