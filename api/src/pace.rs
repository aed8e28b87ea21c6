//! How it went over time: made, ended and failed runs, waits and durations, step by step.

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    domain::histogram::{Histogram, Percentiles},
    store::minute::{self, Tally},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Problem, ProblemDetails},
    extract::Query,
    state::AppState,
};

/// Points of an answer when no step is asked for, and at most.
const POINTS: (i64, i64) = (120, 1500);
/// Seconds of a minute, which is the shortest step.
const MINUTE_S: i64 = 60;
/// Seconds of an hour: steps of whole hours are read from what is kept by the hour.
const HOUR_S: i64 = 3600;

/// How long things took, in seconds: half of them, 95 of 100, 99 of 100 no longer than that. Read from buckets, so about a quarter off at
/// most.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Durations {
    /// How many they were.
    pub count: u64,
    /// Half of them.
    pub p50_s: f64,
    /// 95 of 100.
    pub p95_s: f64,
    /// 99 of 100.
    pub p99_s: f64,
}

impl Durations {
    /// What a histogram says; none when nothing is in it.
    pub(crate) fn of(histogram: &Histogram) -> Option<Self> {
        let Percentiles { p50, p95, p99 } = histogram.percentiles()?;
        // More digits than that say nothing.
        let rounded = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
        Some(Self { count: histogram.total(), p50_s: rounded(p50), p95_s: rounded(p95), p99_s: rounded(p99) })
    }
}

/// What happened in one stretch of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Point {
    /// When it began.
    pub at: DateTime<Utc>,
    /// Runs that were made.
    pub created: i64,
    /// Runs that completed.
    pub completed: i64,
    /// Runs that failed.
    pub failed: i64,
    /// Runs that were cancelled.
    pub cancelled: i64,
    /// The most runs that were seen to wait for a slot at once.
    pub waiting: i64,
    /// The most runs that were seen queued or running at once.
    pub in_flight: i64,
    /// How long runs waited until a worker took them, of those taken in that time.
    pub wait: Option<Durations>,
    /// How long runs took, of those that ended in that time.
    pub run: Option<Durations>,
}

impl Point {
    /// What was added up, as people look at it.
    pub(crate) fn new(at: DateTime<Utc>, tally: &Tally) -> Self {
        Self {
            at,
            created: tally.created,
            completed: tally.completed,
            failed: tally.failed,
            cancelled: tally.cancelled,
            waiting: tally.waiting,
            in_flight: tally.in_flight,
            wait: Durations::of(&tally.waits),
            run: Durations::of(&tally.times),
        }
    }
}

/// Which time, of which queue, in which steps.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    /// Only this queue; without it, all of them together.
    queue: Option<String>,
    /// From when on; an hour before its end when nothing is said. Minutes are kept for seven days.
    from: Option<DateTime<Utc>>,
    /// Before when; now when nothing is said.
    to: Option<DateTime<Utc>>,
    /// Seconds of one point: a multiple of 60. Without it, so long that there are about 120 points, and whole hours when it is
    /// more than half of one.
    step: Option<i64>,
}

/// How it went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// The queue; none: all together.
    queue: Option<String>,
    /// When the first point begins.
    from: DateTime<Utc>,
    /// When the last one is over.
    to: DateTime<Utc>,
    /// Seconds of each.
    step_s: i64,
    /// One for each step, in order, also when nothing happened in it.
    points: Vec<Point>,
}

/// A time, cut into steps that begin at multiples of their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Steps {
    from_s: i64,
    step_s: i64,
    count: i64,
}

impl Steps {
    fn new(from: DateTime<Utc>, to: DateTime<Utc>, step: Option<i64>) -> Result<Self, Problem> {
        let length = to.timestamp() - from.timestamp();
        if length <= 0 {
            return Err(Problem::bad_request("from: it must be before `to`"));
        }
        let step_s = step.unwrap_or_else(|| {
            let about = length / POINTS.0;
            about.div_ceil_to(if about > HOUR_S / 2 { HOUR_S } else { MINUTE_S })
        });
        if step_s < MINUTE_S || step_s % MINUTE_S != 0 {
            return Err(Problem::bad_request("step: a multiple of 60 seconds"));
        }
        let from_s = from.timestamp().div_euclid(step_s) * step_s;
        let count = (to.timestamp() - from_s).div_ceil_to(step_s) / step_s;
        if count > POINTS.1 {
            let detail = format!("step: {count} points are too many; ask for {} at most, with a longer step", POINTS.1);
            return Err(Problem::bad_request(detail));
        }
        Ok(Self { from_s, step_s, count })
    }

    fn place(self, at: DateTime<Utc>) -> Option<usize> {
        usize::try_from((at.timestamp() - self.from_s).div_euclid(self.step_s)).ok()
    }

    fn begin(self, place: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(self.from_s + place * self.step_s, 0).unwrap_or_default()
    }
}

/// Rounding up, which the standard library does not have for signed integers yet.
trait DivCeilTo {
    fn div_ceil_to(self, multiple: Self) -> Self;
}

impl DivCeilTo for i64 {
    fn div_ceil_to(self, multiple: Self) -> Self {
        ((self + multiple - 1).div_euclid(multiple) * multiple).max(multiple)
    }
}

/// Throughput, failures, waits, durations and depth over time. The newest minute is seconds behind.
#[utoipa::path(get, path = "/api/metrics/history", tag = "queues", params(Span),
    responses((status = 200, body = History), (status = 400, body = ProblemDetails)))]
pub(crate) async fn history(State(app): State<AppState>, Query(span): Query<Span>) -> Result<Json<History>, Problem> {
    let to = span.to.unwrap_or_else(Utc::now);
    let from = span.from.unwrap_or(to - TimeDelta::hours(1));
    // What is older is kept nowhere; before the year 1 and after 9999 there is no time to cut.
    let oldest = Utc::now() - TimeDelta::days(minute::KEPT_DAYS.into()) - TimeDelta::hours(1);
    let steps = Steps::new(from.max(oldest), to.min(Utc::now() + TimeDelta::minutes(1)), span.step)?;
    let queues = [span.queue.clone().unwrap_or_else(|| minute::ALL_QUEUES.to_owned())];
    let (begin, end) = (steps.begin(0), steps.begin(steps.count));
    let mut tallies: Vec<Tally> = (0..steps.count).map(|_| Tally::default()).collect();
    let pool = app.store.pool();
    let happened = if steps.step_s % HOUR_S == 0 {
        minute::hours_between(pool, &queues, begin, end).await?
    } else {
        minute::between(pool, &queues, begin, end).await?
    };
    for minute in happened {
        if let Some(tally) = steps.place(minute.minute).and_then(|place| tallies.get_mut(place)) {
            tally.add(&minute);
        }
    }
    let points = (0..).zip(&tallies).map(|(place, tally)| Point::new(steps.begin(place), tally)).collect();
    Ok(Json(History { queue: span.queue, from: begin, to: end, step_s: steps.step_s, points }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn steps_begin_at_multiples_of_their_length_and_cover_the_whole_time() {
        let steps = Steps::new(at("2026-01-01T10:03:20Z"), at("2026-01-01T11:00:01Z"), Some(300)).unwrap();
        assert_eq!((steps.begin(0), steps.count), (at("2026-01-01T10:00:00Z"), 13));
        assert_eq!(steps.place(at("2026-01-01T10:04:59Z")), Some(0));
        assert_eq!(steps.place(at("2026-01-01T10:05:00Z")), Some(1));
        assert_eq!(steps.place(at("2026-01-01T09:59:00Z")), None);
    }

    #[test]
    fn without_a_step_there_are_about_a_hundred_and_twenty_points() {
        let of = |hours: i64| {
            let to = at("2026-01-08T00:00:00Z");
            let steps = Steps::new(to - TimeDelta::hours(hours), to, None).unwrap();
            (steps.step_s, steps.count)
        };
        assert_eq!(of(1), (60, 60));
        assert_eq!(of(24), (720, 120));
        assert_eq!(of(72), (3600, 72));
        assert_eq!(of(168), (7200, 84));
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-01-07T00:00:00Z"));
        for (from, to, step) in
            [(to, from, None), (from, from, None), (from, to, Some(60)), (from, to, Some(90)), (from, to, Some(-60))]
        {
            assert!(Steps::new(from, to, step).is_err(), "{from} {to} {step:?}");
        }
    }
}
