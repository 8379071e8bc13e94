//! Both sides in turn, round after round, and what that comes to.

use serde::Serialize;

use crate::Error;
use crate::baseline::ByHand;
use crate::case::Case;
use crate::load::Amount;
use crate::ours::Ours;
use crate::sample::{Bench, Sample};

/// Both sides, connected to one broker.
pub struct Pair {
    ours: Bench<Ours>,
    baseline: Bench<ByHand>,
}

impl Pair {
    /// Connects both.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self { ours: Bench::connect(url).await?, baseline: Bench::connect(url).await? })
    }

    /// Runs a case in so many rounds. Who begins changes with each.
    ///
    /// # Errors
    /// The first of either side.
    pub async fn compare(
        &self,
        case: Case,
        amount: Amount,
        rounds: u32,
    ) -> Result<Compared, Error> {
        let mut samples = Vec::new();
        for round in 0..rounds {
            samples.push(if round % 2 == 0 {
                let ours = self.ours.measure(case, amount).await?;
                (ours, self.baseline.measure(case, amount).await?)
            } else {
                let baseline = self.baseline.measure(case, amount).await?;
                (self.ours.measure(case, amount).await?, baseline)
            });
        }
        Ok(Compared::new(case, &samples))
    }
}

/// A case's figures: medians of the rounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The kind of work.
    pub case: &'static str,
    /// How many at once.
    pub in_flight: usize,
    /// The bytes of the text that travels.
    pub payload: usize,
    /// Postage.
    pub ours: Figures,
    /// What is written by hand.
    pub baseline: Figures,
    /// Ours divided by the baseline.
    pub ratio: Ratios,
}

/// One side's medians.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Operations a second.
    pub ops_per_s: f64,
    /// Microseconds of processor time for each operation.
    pub cpu_us: f64,
    /// The median latency in microseconds.
    pub p50_us: f64,
    /// The 99th percentile of latency in microseconds.
    pub p99_us: f64,
    /// Allocations for each operation.
    pub allocations: f64,
    /// Context switches for each operation.
    pub switches: f64,
    /// The least and the greatest throughput of a round.
    pub ops_per_s_spread: [f64; 2],
}

/// Ours divided by the baseline, round by round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratios {
    /// Of throughput.
    pub ops_per_s: Spread,
    /// Of processor time.
    pub cpu_us: Spread,
    /// Of the median latency.
    pub p50_us: Spread,
    /// Of the 99th percentile.
    pub p99_us: Spread,
}

/// A figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Compared {
    fn new(case: Case, samples: &[(Sample, Sample)]) -> Self {
        let ratio = |figure: fn(&Sample) -> f64| {
            Spread::of(samples.iter().map(|(ours, by_hand)| figure(ours) / figure(by_hand)))
        };
        Self {
            case: case.kind.name(),
            in_flight: case.in_flight,
            payload: case.payload,
            ours: Figures::of(&samples.iter().map(|(ours, _)| ours)),
            baseline: Figures::of(&samples.iter().map(|(_, by_hand)| by_hand)),
            ratio: Ratios {
                ops_per_s: ratio(|sample| sample.ops_per_s),
                cpu_us: ratio(|sample| sample.cpu_us),
                p50_us: ratio(|sample| sample.p50_us),
                p99_us: ratio(|sample| sample.p99_us),
            },
        }
    }
}

impl Figures {
    fn of<'a>(samples: &(impl Iterator<Item = &'a Sample> + Clone)) -> Self {
        let over = |figure: fn(&Sample) -> f64| Spread::of(samples.clone().map(figure));
        let throughput = over(|sample| sample.ops_per_s);
        Self {
            ops_per_s: throughput.median,
            cpu_us: over(|sample| sample.cpu_us).median,
            p50_us: over(|sample| sample.p50_us).median,
            p99_us: over(|sample| sample.p99_us).median,
            allocations: over(|sample| sample.allocations).median,
            switches: over(|sample| sample.switches).median,
            ops_per_s_spread: [throughput.min, throughput.max],
        }
    }
}

impl Spread {
    /// The median, the least and the greatest of these.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(sorted.len() / 2));
        Self { median, min: at(0), max: at(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
    }
}
