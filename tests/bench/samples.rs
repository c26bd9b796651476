//! [`Samples`]: durations measured again and again, and the only stopwatch.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Durations, from the shortest to the longest; at least one.
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn of(mut durations: Vec<Duration>) -> anyhow::Result<Self> {
        anyhow::ensure!(!durations.is_empty(), "nothing was timed");
        durations.sort_unstable();
        Ok(Self(durations))
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn max(&self) -> Duration {
        self.percentile(100)
    }

    /// The nearest rank.
    fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

/// `2.41 ms (min 1.90, p95 3.02)`.
impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, min, p95] = [50, 0, 95].map(|percent| millis(self.percentile(percent)));
        write!(f, "{median:.2} ms (min {min:.2}, p95 {p95:.2})")
    }
}

/// Milliseconds with their fraction.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A running stopwatch.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a measured span must not change with the clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What `work` gives, and how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Duration)> {
    let stopwatch = Stopwatch::start();
    let done = work()?;
    Ok((done, stopwatch.elapsed()))
}
