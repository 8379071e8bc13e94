//! How things end, in words of which there are few.

use crate::error::{CallFault, CallOutcome, SendError};
use crate::processor::Outcome;
use crate::transport::Settled;

pub(super) const SUCCESS: &str = "success";
pub(super) const EXCEPTION: &str = "exception";
/// The future was dropped before.
pub(super) const DROPPED: &str = "dropped";

const DOCUMENTED: &str = "documented_error";

pub(super) const fn of_send(sent: &Result<(), SendError>) -> &'static str {
    match sent {
        Ok(()) => SUCCESS,
        Err(SendError::Encode(_)) => "encode",
        Err(SendError::NoRoute) => "no_route",
        Err(SendError::Unroutable { .. }) => "unroutable",
        Err(SendError::TimedOut { .. }) => "timed_out",
        Err(SendError::UnderWay) => "under_way",
        Err(SendError::Layer { .. }) => "layer",
        Err(SendError::Disconnected { .. }) => "disconnected",
        Err(SendError::Transport(_)) => "transport",
    }
}

/// And the fault, where it is one: a documented error is an answer.
pub(super) fn of_call<T, X: CallOutcome>(
    answer: &Result<T, X>,
) -> (&'static str, Option<&CallFault>) {
    let Err(error) = answer else { return (SUCCESS, None) };
    match error.fault() {
        None | Some(CallFault::Error { .. }) => (DOCUMENTED, None),
        Some(fault) => (of_fault(fault), Some(fault)),
    }
}

pub(super) const fn of_fault(fault: &CallFault) -> &'static str {
    match fault {
        CallFault::TimedOut { .. } => "timed_out",
        CallFault::Unroutable { .. } => "unroutable",
        CallFault::Malformed { .. } => "malformed",
        CallFault::Layer { .. } => "layer",
        CallFault::Disconnected { .. } => "disconnected",
        CallFault::Silent { .. } => "silent",
        CallFault::Rejected { .. } => "rejected",
        CallFault::Incompatible { .. } => "incompatible",
        CallFault::Exception(_) => EXCEPTION,
        CallFault::Error { .. } => DOCUMENTED,
        CallFault::Encode(_) => "encode",
        CallFault::NoRoute => "no_route",
        CallFault::TooManyCalls { .. } => "too_many_calls",
        CallFault::UnderWay => "under_way",
        CallFault::NoTicket { .. } => "no_ticket",
        CallFault::Transport(_) => "transport",
    }
}

pub(super) const fn of_handler(outcome: &Outcome, raised: bool) -> &'static str {
    match outcome {
        _ if raised => EXCEPTION,
        Outcome::Done => "done",
        Outcome::Fail { .. } => "fail",
        Outcome::Retry { .. } => "retry",
        Outcome::Reject { .. } => "reject",
        Outcome::Drop { .. } => "drop",
    }
}

/// And the reason, where it failed.
pub(super) fn of_delivery(settled: &Settled) -> (&'static str, Option<&str>) {
    match settled {
        Settled::Acked => ("acked", None),
        Settled::Dropped { reason } => ("dropped", Some(reason)),
        Settled::Retried { reason, .. } => ("retried", Some(reason)),
        Settled::DeadLettered { reason, .. } => ("dead_lettered", Some(reason)),
        Settled::Kept { reason, .. } => ("kept", Some(reason)),
        Settled::Rejected { reason } => ("rejected", Some(reason)),
        Settled::Requeued => ("requeued", Some("the connection was lost")),
    }
}
