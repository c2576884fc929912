//! The loads as part of a document: a chart, and a table of all contenders.

use crate::{
    failure::Failure,
    report::{Report, Row, number},
};
use gossip::viz::{Bar, Bars};
use std::{
    fmt::Write,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Between these the table stands.
const BEGIN: &str = "<!-- make bench writes from here -->";
const END: &str = "<!-- to here -->";
/// The figures that the chart shows.
const SHOWN: [(&str, &str); 2] = [("idle latency p50", "ms"), ("throughput", "messages/s")];

/// A document that can be written, with a folder for the chart beside it.
pub(crate) fn writable(document: PathBuf) -> Result<PathBuf, Failure> {
    let fails = |path: &Path, error: io::Error| Failure::new(format!("'--record {}': {error}", path.display()));
    OpenOptions::new().append(true).open(&document).map_err(|error| fails(&document, error))?;
    let images = document.with_file_name("images");
    fs::create_dir_all(&images).map_err(|error| fails(&images, error))?;
    Ok(document)
}

/// Writes the table between the marks of a document, at its end if it has none, and the chart beside it. Fails unless each
/// contender of each load gave figures in more than half of `rounds`.
pub(crate) fn record(document: &Path, report: &Report, rounds: usize) -> Result<(), Failure> {
    if loads(report).next().is_none() {
        return Err(Failure::new("nothing is recorded: no load was measured"));
    }
    for row in loads(report) {
        let mut who = (0..report.contenders().len()).filter(|&contender| contender == 0 || row.has(contender));
        if let Some(few) = who.find(|&contender| 2 * row.rounds(contender) <= rounds) {
            let (who, has) = (report.contenders()[few], row.rounds(few));
            return Err(Failure::new(format!(
                "nothing is recorded: {who} gave '{}' in {has} of {rounds} rounds",
                row.name
            )));
        }
    }
    let old = fs::read_to_string(document)?;
    let (before, rest) = old.split_once(BEGIN).unwrap_or((&old, ""));
    let after = rest.split_once(END).map_or("\n", |(_, after)| after);
    let chart = chart(report);
    let file = |ending: &str| document.with_file_name("images").join(format!("peers.{ending}"));
    fs::write(file("svg"), chart.svg())?;
    #[cfg(feature = "png")]
    fs::write(file("png"), chart.png()?)?;
    fs::write(document, format!("{before}{BEGIN}\n{}{END}{after}", table(report)))?;
    Ok(())
}

/// The figures of the loads.
fn loads(report: &Report) -> impl Iterator<Item = &Row> {
    report.rows().iter().filter(|row| row.name.starts_with("W(") && !row.name.contains("with"))
}

fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (name, value) in report.head() {
        let _ = writeln!(text, "{name}: {value}  ");
    }
    let _ = write!(
        text,
        "\n![All contenders in bars](images/peers.svg)\n\n| | {} |\n| --- |",
        report.contenders().join(" | ")
    );
    let _ = writeln!(text, "{}", " --- |".repeat(report.contenders().len()));
    for row in loads(report) {
        let _ = write!(text, "| {}{}{} |", row.name, if row.unit.is_empty() { "" } else { ", " }, row.unit);
        for contender in 0..report.contenders().len() {
            let median = number(row.median(contender));
            let _ = match (row.has(contender), contender) {
                (false, _) => write!(text, " – |"),
                (true, 0) => {
                    let (least, most) = row.spread(0);
                    write!(text, " {median} ({} – {}) |", number(least), number(most))
                }
                (true, _) => write!(text, " {median} (× {:.2}) |", row.ratio(contender)),
            };
        }
        text.push('\n');
    }
    text.push_str("\n× is the program's figure by the peer's of the same round: the median of the rounds.\n");
    for (index, wrong) in report.wrong().iter().enumerate() {
        let _ = writeln!(text, "{}- {wrong}", if index == 0 { "\nRuns that give no figures:\n\n" } else { "" });
    }
    text
}

fn chart(report: &Report) -> Bars {
    let mut bars = Bars::new("Beside its peers", "Medians; the program and each peer in turns on one machine");
    for row in loads(report) {
        let shown = SHOWN.iter().find_map(|(figure, unit)| Some((row.name.strip_suffix(figure)?, figure, unit)));
        let Some((load, figure, unit)) = shown else { continue };
        let who = (0..report.contenders().len()).filter(|&contender| row.has(contender));
        let bar = |contender| {
            let (name, value) = (report.contenders()[contender], row.median(contender));
            Bar { name: name.into(), value, label: number(value) }
        };
        bars.add(&format!("{load}{figure}, {unit}"), who.map(bar).collect());
    }
    bars
}
