use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Error;

/// A way that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    pub(super) const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];

    pub(super) fn back(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// What becomes of the bytes of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Free,
    /// At so many bytes a second, never zero.
    Paced(u64),
    /// Held back.
    Stalled,
    /// Swallowed.
    Lost,
}

impl Flow {
    pub(super) fn paced(bytes_per_second: u64) -> Self {
        Self::Paced(bytes_per_second.max(1))
    }

    /// How many bytes to move at a time, so that a slow flow is an even one.
    pub(super) fn portion(self) -> usize {
        const PORTIONS_A_SECOND: u64 = 50;
        match self {
            Self::Paced(rate) => {
                usize::try_from(rate / PORTIONS_A_SECOND).unwrap_or(usize::MAX).max(1)
            }
            _ => usize::MAX,
        }
    }

    /// How long the direction rests after so many bytes.
    pub(super) fn rest(self, moved: usize) -> Duration {
        match self {
            Self::Paced(rate) => Duration::from_secs_f64(moved as f64 / rate as f64),
            _ => Duration::ZERO,
        }
    }
}

/// Whether clients get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    Shut,
    /// The proxy is being dropped.
    Gone,
}

/// How the client's end of a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Reset,
    Close,
}

/// One direction of all connections.
#[derive(Debug)]
struct Lane {
    flow: Flow,
    /// The connections before this number are in a black hole for ever.
    lost_below: u64,
}

impl Lane {
    const FREE: Self = Self { flow: Flow::Free, lost_below: 0 };

    fn of(&self, connection: u64) -> Flow {
        if connection < self.lost_below { Flow::Lost } else { self.flow }
    }
}

/// What the controls want and what the proxy's thread has seen.
///
/// Connections are numbered from zero in the order of their arrival, so that "those of now" is a
/// number: all below it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) door: Door,
    pub(super) listening: bool,
    /// Why it does not listen though it should.
    pub(super) failure: Option<Error>,
    /// The thread is gone, and with it all sockets.
    pub(super) ended: bool,
    pub(super) total: u64,
    /// After so many more bytes to the server all connections are cut; never zero.
    pub(super) cut_in: Option<u64>,
    to_server: Lane,
    to_client: Lane,
    /// The connections before this number must end, in this way.
    end_below: u64,
    ending: Ending,
    /// The connections that have sockets, and whether their client is still there.
    alive: BTreeMap<u64, bool>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            door: Door::Open,
            listening: true,
            failure: None,
            ended: false,
            total: 0,
            cut_in: None,
            to_server: Lane::FREE,
            to_client: Lane::FREE,
            end_below: 0,
            ending: Ending::Reset,
            alive: BTreeMap::new(),
        }
    }

    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    pub(super) fn set_flow(&mut self, direction: Direction, flow: Flow) {
        let total = self.total;
        let lane = self.lane(direction);
        lane.flow = flow;
        if flow == Flow::Lost {
            lane.lost_below = total;
        }
    }

    pub(super) fn flow(&self, direction: Direction, connection: u64) -> Flow {
        match direction {
            Direction::ToServer => self.to_server.of(connection),
            Direction::ToClient => self.to_client.of(connection),
        }
    }

    pub(super) fn restore(&mut self) {
        self.door = Door::Open;
        self.failure = None;
        self.cut_in = None;
        self.to_server.flow = Flow::Free;
        self.to_client.flow = Flow::Free;
    }

    /// It could not listen. The next try is the next restore.
    pub(super) fn failed(&mut self, error: Error) {
        self.failure = Some(error);
        if self.door == Door::Open {
            self.door = Door::Shut;
        }
    }

    /// Counts a new connection, and gives its number.
    pub(super) fn arrived(&mut self) -> u64 {
        let number = self.total;
        self.total += 1;
        self.alive.insert(number, true);
        for direction in Direction::BOTH {
            // Made in the black hole: it stays there.
            let lane = self.lane(direction);
            if lane.flow == Flow::Lost {
                lane.lost_below = number + 1;
            }
        }
        number
    }

    pub(super) fn client_left(&mut self, connection: u64) {
        if let Some(client) = self.alive.get_mut(&connection) {
            *client = false;
        }
    }

    pub(super) fn ended(&mut self, connection: u64) {
        self.alive.remove(&connection);
    }

    pub(super) fn end_all(&mut self, ending: Ending) {
        self.end_below = self.total;
        self.ending = ending;
    }

    /// How the connection must end, when it must.
    pub(super) fn must_end(&self, connection: u64) -> Option<Ending> {
        (connection < self.end_below).then_some(self.ending)
    }

    /// Whether all that must end have ended.
    pub(super) fn none_ends(&self) -> bool {
        self.alive.keys().next().is_none_or(|oldest| *oldest >= self.end_below)
    }

    pub(super) fn open(&self) -> usize {
        self.alive.values().filter(|client| **client).count()
    }

    /// Takes the bytes off what may go before the cut. Whether the cut is due now.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let Some(left) = self.cut_in else { return false };
        let left = left.saturating_sub(bytes as u64);
        self.cut_in = (left > 0).then_some(left);
        if left == 0 {
            self.end_all(Ending::Reset);
        }
        left == 0
    }
}
