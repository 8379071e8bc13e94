//! Allocations for each operation, counted in a run of their own.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::case::Case;
use crate::load::Amount;
use crate::pair::{Compared, Pair};

/// How often each side does its work while its allocations are counted.
const OPERATIONS: u64 = 4_000;
/// The same of large texts.
const LARGE_OPERATIONS: u64 = 400;
const LARGE: usize = 16 * 1024;

/// The allocations of one operation.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Counted {
    case: String,
    in_flight: usize,
    payload: usize,
    ours: f64,
    baseline: f64,
}

/// Counts those of these cases, where the program's allocator counts.
///
/// # Errors
/// When a case fails.
pub async fn count(url: &str, cases: &[Case]) -> Result<Vec<Counted>, Error> {
    let pair = Pair::connect(url).await?;
    let mut all = Vec::new();
    for &case in cases {
        let operations = if case.payload > LARGE { LARGE_OPERATIONS } else { OPERATIONS };
        let compared = pair.compare(case, Amount::Operations(operations), 1).await?;
        all.push(Counted {
            case: compared.case.to_owned(),
            in_flight: case.in_flight,
            payload: case.payload,
            ours: compared.ours.allocations,
            baseline: compared.baseline.allocations,
        });
    }
    Ok(all)
}

/// Puts what was counted beside what was measured.
pub fn fill_in(all: &mut [Compared], counted: &[Counted]) {
    for compared in all {
        let same = |counted: &&Counted| {
            (&*counted.case, counted.in_flight, counted.payload)
                == (compared.case, compared.in_flight, compared.payload)
        };
        if let Some(counted) = counted.iter().find(same) {
            compared.ours.allocations = counted.ours;
            compared.baseline.allocations = counted.baseline;
        }
    }
}
