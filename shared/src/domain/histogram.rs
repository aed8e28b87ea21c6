//! How long things took, counted into fixed buckets: histograms of minutes add up to those of hours, and percentiles are read
//! from the sum.

/// Buckets a decade.
const A_DECADE: f64 = 5.0;
/// Where the first bucket ends, in seconds.
const FIRST_S: f64 = 0.001;
/// Five a decade from 1 ms to 100,000 s (28 hours), and one for what took longer.
const BUCKETS: usize = 42;

/// How many durations fell into each bucket. A percentile that is read from it is off by a quarter at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

/// Half of all, nineteen of twenty, ninety-nine of a hundred took no longer than so many seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// Half of them.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

impl Histogram {
    /// Counts a duration in seconds. One that is negative, because clocks were set, is not counted.
    pub fn record(&mut self, seconds: f64) {
        if seconds >= 0.0
            && let Some(count) = self.counts.get_mut(bucket_of(seconds))
        {
            *count += 1;
        }
    }

    /// Adds counts as they are stored; those of buckets that there are not are left out.
    pub fn add(&mut self, counts: &[i32]) {
        for (mine, more) in self.counts.iter_mut().zip(counts) {
            *mine += u64::try_from(*more).unwrap_or(0);
        }
    }

    /// The counts as they are stored, up to the last bucket that anything is in; none: nothing was counted.
    #[must_use]
    pub fn stored(&self) -> Option<Vec<i32>> {
        let last = self.counts.iter().rposition(|count| *count > 0)?;
        Some(self.counts.iter().take(last + 1).map(|count| i32::try_from(*count).unwrap_or(i32::MAX)).collect())
    }

    /// How many durations were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The usual percentiles; none when nothing was counted.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let of = |share| self.percentile(share);
        Some(Percentiles { p50: of(0.5)?, p95: of(0.95)?, p99: of(0.99)? })
    }

    /// So many seconds the given share of all took at most; within a bucket they are taken for spread evenly over its decades.
    fn percentile(&self, share: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = (share * total as f64).max(1.0);
        let mut below = 0.0;
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= rank {
                let (low, high) = (end_of(bucket) / step(), end_of(bucket));
                let within = (rank - below) / count;
                return Some(if bucket + 1 == BUCKETS { low } else { low * (high / low).powf(within) });
            }
            below += count;
        }
        None
    }
}

/// By how much one bucket reaches further than the one before.
fn step() -> f64 {
    10f64.powf(1.0 / A_DECADE)
}

/// Where a bucket ends, in seconds.
fn end_of(bucket: usize) -> f64 {
    FIRST_S * 10f64.powf(bucket as f64 / A_DECADE)
}

fn bucket_of(seconds: f64) -> usize {
    let place = (A_DECADE * (seconds / FIRST_S).log10()).ceil();
    // Both bounds fit; a float that is no number becomes 0.
    place.clamp(0.0, (BUCKETS - 1) as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: impl IntoIterator<Item = f64>) -> Histogram {
        let mut all = Histogram::default();
        seconds.into_iter().for_each(|one| all.record(one));
        all
    }

    #[test]
    fn percentiles_are_off_by_a_quarter_at_most() {
        let found = of((1..=10_000).map(|n| f64::from(n) / 100.0)).percentiles().unwrap();
        for (found, real) in [(found.p50, 50.0), (found.p95, 95.0), (found.p99, 99.0)] {
            assert!((0.75..=1.25).contains(&(found / real)), "{found} for {real}");
        }
    }

    #[test]
    fn what_is_stored_adds_up_to_what_was_recorded() {
        let (one, other) = (of([0.002, 3.0, 900.0]), of([0.002, 50.0]));
        let mut sum = Histogram::default();
        sum.add(&one.stored().unwrap());
        sum.add(&other.stored().unwrap());
        assert_eq!(sum, of([0.002, 3.0, 900.0, 0.002, 50.0]));
        assert_eq!(sum.total(), 5);
        assert_eq!(of([0.0]).stored(), Some(vec![1]), "what is empty behind the last is not kept");
    }

    #[test]
    fn nothing_has_no_percentiles_and_is_not_stored() {
        assert_eq!(Histogram::default().percentiles(), None);
        assert_eq!(Histogram::default().stored(), None);
        assert_eq!(of([-1.0, f64::NAN]).total(), 0);
    }

    #[test]
    fn the_shortest_and_the_longest_have_buckets_too() {
        let both = of([0.0, 1e9]);
        assert_eq!(both.total(), 2);
        assert!(both.percentiles().unwrap().p50 <= FIRST_S);
        assert!(both.percentiles().unwrap().p99 > 99_999.0);
    }

    #[test]
    fn a_bucket_holds_what_ends_where_it_ends() {
        for bucket in 1..BUCKETS - 1 {
            assert_eq!(bucket_of(end_of(bucket) * 0.999), bucket);
            assert_eq!(bucket_of(end_of(bucket) * 1.001), bucket + 1);
        }
    }
}
