//! The numbers of a report by name, as experiments expect them.

use super::{Mean, Report};
use crate::sim::traffic::Kind;

/// A number of a report.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its name in experiments.
    pub name: &'static str,
    /// Description for people.
    pub title: &'static str,
    of: fn(&Report) -> Option<f64>,
}

impl Figure {
    /// The figure of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|figure| figure.name == name)
    }

    /// Value in a report; `None` if nothing was measured.
    pub fn of(&self, report: &Report) -> Option<f64> {
        (self.of)(report)
    }
}

const fn figure(name: &'static str, title: &'static str, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { name, title, of }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then_some(part / whole)
}

fn shape(report: &Report, mean: impl Fn(&super::OverlayShape) -> Mean) -> Option<Mean> {
    report.overlay.as_ref().map(mean)
}

fn frames(report: &Report, is_meant: impl Fn(Kind) -> bool) -> f64 {
    report.traffic.sum(is_meant).frames as f64
}

/// Milliseconds in which this share of the messages was everywhere.
fn last_of(report: &Report, share: f64) -> Option<f64> {
    report.lasts.reaches(share).map(|nanos| nanos as f64 / 1e6)
}

/// All that there are.
pub const FIGURES: &[Figure] = &[
    figure("delivery", "delivered of those due", |r| Some(r.delivery_ratio())),
    figure("reach", "delivered of those in reach", |r| Some(r.reach_ratio())),
    figure("complete", "messages that were everywhere", |r| ratio(r.complete as f64, r.messages as f64)),
    figure("rmr", "redundancy (RMR)", |r| r.rmr.mean()),
    figure("rmr_max", "redundancy (RMR), worst message", |r| r.rmr.most()),
    figure("rmr_first", "redundancy, first tenth", |r| r.rmr_first.mean()),
    figure("rmr_last", "redundancy, last tenth", |r| r.rmr_last.mean()),
    figure("last_hop", "last hop (LDH)", |r| r.last_hop.mean()),
    figure("last_hop_max", "last hop, worst message", |r| r.last_hop.most()),
    figure("excess_hops", "hops beyond the eccentricity", |r| {
        Some(r.last_hop.mean()? - shape(r, |s| s.eccentricity)?.mean()?)
    }),
    figure("last_ms", "last delivery, ms", |r| r.last_delivery_ms.mean()),
    figure("last_max_ms", "last delivery, worst message, ms", |r| r.last_delivery_ms.most()),
    figure("last_p50_ms", "last delivery, median, ms", |r| last_of(r, 0.5)),
    figure("last_p99_ms", "last delivery, 99 %, ms", |r| last_of(r, 0.99)),
    figure("optimum_ms", "flood optimum, ms", |r| r.optimum_ms.mean()),
    figure("stretch", "last delivery by flood optimum", |r| r.stretch.mean()),
    figure("first_ms", "first message, ms", |r| r.nth_ms[0].mean()),
    figure("second_ms", "second message, ms", |r| r.nth_ms[1].mean()),
    figure("tenth_ms", "tenth message, ms", |r| r.nth_ms[2].mean()),
    figure("recovery_ms", "recovery, ms", |r| r.recovery_ms.mean()),
    figure("unrecovered", "runs without recovery", |r| Some(r.unrecovered as f64)),
    figure("equal_ms", "from the mend until all are equal, ms", |r| r.equal_ms.mean()),
    figure("equal_max_ms", "the same, worst, ms", |r| r.equal_ms.most()),
    figure("unequal", "mends without that", |r| Some(r.unequal as f64)),
    figure("mending", "bytes sent by bytes missing", |r| ratio(r.mending_bytes as f64, r.missing_bytes as f64)),
    figure("gaps", "gaps", |r| Some(r.missing.get("gap").copied().unwrap_or(0) as f64)),
    figure("payloads", "payload frames a node and message", |r| {
        ratio(frames(r, |kind| kind == Kind::Payload), r.node_messages)
    }),
    figure("announcements", "announcements a node and message", |r| {
        ratio(frames(r, |kind| kind == Kind::Announcement), r.node_messages)
    }),
    figure("paths", "copies without payload a node and message", |r| {
        ratio(frames(r, |kind| kind == Kind::Path), r.node_messages)
    }),
    figure("control_rate", "frames without payload a second and link", |r| {
        ratio(frames(r, |kind| kind != Kind::Payload), r.link_seconds)
    }),
    figure("idle_rate", "frames a second and link at rest", |r| {
        ratio(r.idle_traffic.sum(|_| true).frames as f64, r.idle_link_seconds)
    }),
    figure("idle_bytes", "bytes a second and link at rest", |r| {
        ratio(r.idle_traffic.sum(|_| true).bytes as f64, r.idle_link_seconds)
    }),
    figure("load", "frames of the busiest node by the average", |r| r.load.mean()),
    figure("memory", "bytes kept by the fullest node", |r| r.memory.most()),
    figure("degree", "neighbours", |r| shape(r, |s| s.degree)?.mean()),
    figure("degree_min", "fewest neighbours", |r| shape(r, |s| s.degree)?.least()),
    figure("clustering", "clustering", |r| shape(r, |s| s.clustering)?.mean()),
    figure("path", "hops between nodes", |r| shape(r, |s| s.path)?.mean()),
    figure("eccentricity", "hops to the farthest node", |r| shape(r, |s| s.eccentricity)?.mean()),
    figure("parts", "parts of the overlay, most", |r| shape(r, |s| s.parts)?.most()),
    figure("lopsided", "one-sided neighbours", |r| shape(r, |s| s.lopsided)?.most()),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_names_of_one_figure() {
        let names: BTreeSet<_> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), FIGURES.len());
        assert_eq!(Figure::named("rmr").map(|figure| figure.of(&Report::default())), Some(None));
    }
}
