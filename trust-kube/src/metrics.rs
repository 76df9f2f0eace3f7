//! What a gate did, for Prometheus.

use core::fmt::Write;

use trust_gate::{BUCKETS, Metrics, ReviewOutcome};

/// The numbers of a gate in Prometheus' text format
/// ([exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)).
#[must_use]
pub fn to_prometheus(metrics: &Metrics) -> String {
    let mut text = String::from(
        "# HELP trust_reviews_total Admission reviews, by how they ended.\n# TYPE trust_reviews_total counter\n",
    );
    for outcome in ReviewOutcome::ALL {
        let (name, count) = (outcome.name(), metrics.count(outcome));
        let _ = writeln!(text, "trust_reviews_total{{outcome=\"{name}\"}} {count}");
    }
    text.push_str(
        "# HELP trust_review_duration_seconds How long reviews took.\n# TYPE trust_review_duration_seconds histogram\n",
    );
    let mut below = 0;
    for (count, bound) in metrics.times().iter().zip(BUCKETS.iter().map(Some).chain([None])) {
        below += count;
        let bound = bound.map_or_else(|| "+Inf".to_owned(), |millis| (*millis as f64 / 1000.0).to_string());
        let _ = writeln!(text, "trust_review_duration_seconds_bucket{{le=\"{bound}\"}} {below}");
    }
    let _ = writeln!(text, "trust_review_duration_seconds_sum {}", metrics.total_time().as_secs_f64());
    let _ = writeln!(text, "trust_review_duration_seconds_count {below}");
    let _ = writeln!(
        text,
        "# HELP trust_refused_policies Policies that cannot be read as they are; what was there before is used.\n# TYPE trust_refused_policies gauge\ntrust_refused_policies {}",
        metrics.refused_policies()
    );
    text
}
