//! Report on simulations: as text for people, as a document for programs, as a chart.

use crate::{
    cli::text,
    quantity::{Size, Time, share::percent},
    sim::{
        Coverage, Mean, Report, Scenario,
        network::Draw,
        scenario::{Fault, Selection, Spread},
        traffic::{Kind, Traffic},
    },
    topology::Shape,
    viz::{Chart, Curve},
};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::{fmt, path::PathBuf, time::Duration};

/// Shares of all deliveries whose times are shown.
const SHARES: [f64; 5] = [0.1, 0.5, 0.9, 0.99, 1.0];

/// Runs that are over.
pub struct Run {
    /// Scenario that was run; `None`: one of its own for each seed.
    pub scenario: Option<Scenario>,
    /// The first seed.
    pub seed: u64,
    /// The numbers of all seeds.
    pub report: Report,
    /// Of all that happened.
    pub trace_hash: u64,
    /// Time that it took.
    pub wall: Duration,
    /// Files of the chart.
    pub plot: Vec<PathBuf>,
}

impl Run {
    /// Deliveries over time beside the flood optimum.
    pub fn chart(&self) -> Chart {
        let curve = |name: &str, coverage: &Coverage| {
            let points = coverage.curve().into_iter().map(|(nanos, share)| (nanos as f64 / 1e6, share));
            Curve { name: name.into(), points: points.collect() }
        };
        let curves =
            vec![curve("as simulated", &self.report.coverage), curve("flood optimum", &self.report.optimum_coverage)];
        Chart::new("Nodes reached over time", &self.subject(), curves)
    }

    /// `random (degree 5) · 1000 nodes · latency 10ms-50ms · 20 messages of 100 B from random nodes`
    fn subject(&self) -> String {
        let Some(scenario) = &self.scenario else { return format!("{} random scenarios", self.report.runs) };
        let Scenario { topology, nodes, network, load, faults, .. } = scenario;
        let degree = match scenario.shape() {
            Ok(Shape::Random { degree }) => format!(" (degree {degree})"),
            _ => String::new(),
        };
        let draw = if network.draw == Draw::Frame { " a frame" } else { "" };
        let mut parts = vec![format!("{topology}{degree}"), format!("{nodes} nodes")];
        if scenario.dissemination == Spread::Tree {
            parts.push("trees".into());
        }
        parts.push(format!("latency {}{draw}", network.latency));
        if network.loss > 0.0 {
            parts.push(format!("loss {}", percent(network.loss)));
        }
        parts.extend(network.bandwidth.map(|bandwidth| format!("{}/s a link", Size(bandwidth))));
        let noun = if load.messages == 1 { "message" } else { "messages" };
        let relays = if load.trace { format!(", {} relays", load.relays) } else { String::new() };
        let size = Size(load.size as u64);
        parts.push(format!("{} {noun} of {size} from {}{relays}", load.messages, load.senders));
        match &faults[..] {
            [] => {}
            [Fault::Crash { who: Selection::Share(share), .. }] => parts.push(format!("{} crash", percent(*share))),
            faults => parts.push(format!("{} faults", faults.len())),
        }
        parts.join(" · ")
    }

    fn events_per_second(&self) -> f64 {
        self.report.events as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Rows of the text: what, and how it came out.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let report = &self.report;
        let mut rows = vec![("delivered", self.delivered())];
        if !report.missing.is_empty() {
            let causes: Vec<_> =
                report.missing.iter().map(|(cause, n)| format!("{} {n}", cause.replace('_', " "))).collect();
            rows.push(("missing", causes.join(", ")));
        }
        if report.refused > 0 {
            rows.push(("refused", format!("{} messages: their sender was down", report.refused)));
        }
        if report.last_delivery_ms.mean().is_some() {
            rows.push(("last delivery", ms(&report.last_delivery_ms)));
            let stretch = report.stretch.mean().map_or_else(String::new, |mean| format!(" → {mean:.3} × that"));
            rows.push(("flood optimum", format!("{}{stretch}", ms(&report.optimum_ms))));
            rows.push(("last hop", spread(&report.last_hop)));
            rows.push(("redundancy", format!("{} (RMR)", spread(&report.rmr))));
        }
        let bytes = Size(report.message_bytes);
        let control = report.control_frames();
        rows.push(("frames", format!("{} of messages ({bytes}), {control} others", report.message_frames)));
        rows.extend(self.traffic_rows());
        rows.push(("duplicates", format!("{} a node", spread(&report.duplicates))));
        let memory = |value: Option<f64>| Size(value.unwrap_or_default() as u64);
        let (mean, most) = (memory(report.memory.mean()), memory(report.memory.most()));
        rows.push(("memory", format!("{mean} a node for messages, at most {most}")));
        let virtual_time = Time(Duration::from_nanos(report.virtual_nanos)).rounded();
        let rate = self.events_per_second() / 1e6;
        let wall = Time(self.wall).rounded();
        let events = report.events;
        rows.push(("simulated", format!("{virtual_time} and {events} events in {wall}: {rate:.2} M/s")));
        rows
    }

    /// Rows of all other traffic, while there was something to do and after that; and of the time that it took to mend what
    /// had gone wrong.
    fn traffic_rows(&self) -> Vec<(&'static str, String)> {
        let report = &self.report;
        let kinds = |traffic: &Traffic, seconds: f64| {
            let others = Kind::ALL.iter().filter(|&&kind| kind != Kind::Payload && traffic.of(kind).frames > 0);
            let others = others.map(|&kind| format!("{} {}", kind.name(), traffic.of(kind).frames));
            let sum = traffic.sum(|kind| kind != Kind::Payload);
            let rate = round(sum.frames as f64 / seconds);
            let all = others.collect::<Vec<_>>().join(", ");
            format!("{all} ({}): {rate} a second and link", Size(sum.bytes))
        };
        let mut rows = Vec::new();
        if report.link_seconds > 0.0 {
            rows.push(("others", kinds(&report.traffic, report.link_seconds)));
        }
        if report.idle_link_seconds > 0.0 {
            rows.push(("at rest", kinds(&report.idle_traffic, report.idle_link_seconds)));
        }
        if report.recovery_ms.mean().is_some() || report.unrecovered > 0 {
            let never =
                if report.unrecovered > 0 { format!("; not in {}", runs(report.unrecovered)) } else { String::new() };
            rows.push(("recovery", format!("{} after the last fault{never}", ms(&report.recovery_ms))));
        }
        if report.equal_ms.mean().is_some() || report.unequal > 0 {
            let never = if report.unequal > 0 { format!("; not in {}", runs(report.unequal)) } else { String::new() };
            let cost = round(report.mending_bytes as f64 / report.missing_bytes.max(1) as f64);
            let missing = Size(report.missing_bytes);
            let cost = format!("{missing} were missing, {cost} × that was sent");
            rows.push(("all equal", format!("{} after the faults end{never}; {cost}", ms(&report.equal_ms))));
        }
        rows
    }

    fn delivered(&self) -> String {
        let report = &self.report;
        let (delivered, due, messages) = (report.delivered(), report.due, report.messages);
        let once = "nothing twice";
        if delivered == due {
            return format!("{delivered} of {due}: all {messages} messages everywhere, {once}");
        }
        // Cut, not rounded: what is not all is not 100%.
        let ratio = percent((report.delivery_ratio() * 1e6).floor() / 1e6);
        format!("{delivered} of {due} ({ratio}): {} of {messages} messages everywhere, {once}", report.complete)
    }

    /// Times after which shares of the deliveries were made.
    fn times(&self) -> Vec<Vec<String>> {
        let row = |name: &str, coverage: &Coverage| {
            let cell = |share| coverage.reaches(share).map_or_else(|| "–".into(), |nanos| millis(nanos as f64 / 1e6));
            std::iter::once(name.to_owned()).chain(SHARES.map(cell)).collect()
        };
        let title = SHARES.map(percent);
        vec![
            std::iter::once("reached".to_owned()).chain(title).collect(),
            row("after", &self.report.coverage),
            row("flood optimum", &self.report.optimum_coverage),
        ]
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.seed.saturating_add(self.report.runs.saturating_sub(1));
        let seeds = if self.report.runs == 1 { format!("seed {last}") } else { format!("seeds {}-{last}", self.seed) };
        let what = match (&self.scenario, self.report.runs) {
            (None, 1) => "a random scenario".to_owned(),
            _ => self.subject(),
        };
        writeln!(f, "Simulated {what} · {seeds}\n")?;
        let rows: Vec<_> = self.rows().into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        write!(f, "{}", text::columns("  ", &rows))?;
        if self.report.delivered() > 0 {
            write!(f, "\n\n{}", text::columns("  ", &self.times()))?;
        }
        for (index, file) in self.plot.iter().enumerate() {
            write!(f, "{}Chart: {}", if index == 0 { "\n\n" } else { "\n" }, file.display())?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Share {
    ms: f64,
    share: f64,
}

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let curve = |coverage: &Coverage| -> Vec<_> {
            coverage.curve().into_iter().map(|(nanos, share)| Share { ms: nanos as f64 / 1e6, share }).collect()
        };
        let mut fields = serializer.serialize_struct("Run", 11)?;
        fields.serialize_field("scenario", &self.scenario)?;
        fields.serialize_field("seed", &self.seed)?;
        fields.serialize_field("trace_hash", &format!("{:016x}", self.trace_hash))?;
        fields.serialize_field("delivery_ratio", &self.report.delivery_ratio())?;
        fields.serialize_field("delivered", &self.report.delivered())?;
        fields.serialize_field("report", &self.report)?;
        fields.serialize_field("coverage", &curve(&self.report.coverage))?;
        fields.serialize_field("optimum_coverage", &curve(&self.report.optimum_coverage))?;
        fields.serialize_field("wall_ms", &(self.wall.as_secs_f64() * 1e3))?;
        fields.serialize_field("events_per_second", &self.events_per_second())?;
        fields.serialize_field("plot", &self.plot)?;
        fields.end()
    }
}

/// `98 runs`
fn runs(count: u64) -> String {
    if count == 1 { "1 run".into() } else { format!("{count} runs") }
}

/// `mean 171ms, at most 185ms`
fn ms(mean: &Mean) -> String {
    spread_with(mean, millis)
}

/// `mean 6.85, at most 8`
fn spread(mean: &Mean) -> String {
    spread_with(mean, round)
}

fn spread_with(mean: &Mean, show: impl Fn(f64) -> String) -> String {
    match (mean.mean(), mean.most()) {
        (Some(mean), Some(most)) => format!("mean {}, at most {}", show(mean), show(most)),
        _ => "–".into(),
    }
}

fn millis(value: f64) -> String {
    Time(Duration::try_from_secs_f64(value / 1e3).unwrap_or_default()).rounded().to_string()
}

/// Three digits behind the point at most, and none that say nothing.
fn round(value: f64) -> String {
    format!("{}", (value * 1e3).round() / 1e3)
}
