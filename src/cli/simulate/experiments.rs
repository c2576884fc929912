//! `gossip simulate --experiment`: runs experiments, compares what came of them with what they expect, and writes it down.

use super::runs::{Extent, Job, Watch, run_all, usage};
use crate::{
    cli::{Context, Output, error::CliError, text},
    sim::{
        Experiment, Outcome,
        experiment::{Finding, Run},
    },
};
use serde::Serialize;
use std::{
    fmt::{self, Write},
    fs,
    path::{Path, PathBuf},
};

/// Between these lines of a document stands what is written by this command.
const BEGIN: &str = "<!-- experiments: begin -->";
const END: &str = "<!-- experiments: end -->";

/// Experiments that are to be run.
#[derive(Debug)]
pub struct Order<'a> {
    /// Their files, and folders of such files.
    pub paths: &'a [PathBuf],
    /// The first seed.
    pub seed: u64,
    /// The number of seeds; `None`: as each experiment says.
    pub seeds: Option<u64>,
    /// The document that the results are written into.
    pub record: Option<&'a Path>,
}

/// Runs all experiments that are named. Fails if a figure is not as expected.
pub fn run(order: &Order<'_>, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let watch = Watch { interrupted: &*context.catch_interrupts()?, is_quiet: out.is_quiet() };
    let mut results = Vec::new();
    let mut interruption = None;
    for path in files(order.paths)? {
        let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, &error))?;
        let experiment = Experiment::from_toml(&text);
        let experiment = experiment.map_err(|error| CliError::Usage(format!("{}, {error}", path.display())))?;
        match ExperimentResult::run(experiment, path, order, &watch) {
            Err(CliError::Interrupted(text)) => {
                interruption = Some(CliError::Interrupted(text));
                break;
            }
            tried => results.push(tried?),
        }
    }
    let results = Results { experiments: results };
    if let Some(path) = order.record.filter(|_| interruption.is_none()) {
        record(path, &results)?;
    }
    if !results.experiments.is_empty() || interruption.is_none() {
        out.print(&results)?;
    }
    interruption.map_or(Ok(()), Err)?;
    let misses: usize = results.experiments.iter().map(ExperimentResult::misses).sum();
    if misses == 0 { Ok(()) } else { Err(CliError::Failed(format!("{misses} figures are not as expected"))) }
}

/// The files that are meant: those named, and all `.toml` of the folders named, e2 before e10.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| failed("read", path, &error))?;
        let mut inside: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        inside.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        inside.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        files.append(&mut inside);
    }
    Ok(files)
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> CliError {
    CliError::Failed(format!("cannot {what} {}: {error}", path.display()))
}

/// All that came out.
#[derive(Serialize)]
struct Results {
    experiments: Vec<ExperimentResult>,
}

/// Outcome of an experiment.
#[derive(Serialize)]
struct ExperimentResult {
    name: String,
    title: String,
    #[serde(skip)]
    text: String,
    file: PathBuf,
    runs: Vec<RunResult>,
}

/// Outcome of one of its runs.
#[derive(Serialize)]
struct RunResult {
    name: String,
    seeds: u64,
    first_seed: u64,
    findings: Vec<Finding>,
}

impl ExperimentResult {
    fn run(experiment: Experiment, file: PathBuf, order: &Order<'_>, watch: &Watch<'_>) -> Result<Self, CliError> {
        let Experiment { name, title, text, runs } = experiment;
        let runs = runs.iter().map(|run| RunResult::run(run, &file, order, watch)).collect::<Result<_, _>>()?;
        Ok(Self { name, title, text, file, runs })
    }

    fn misses(&self) -> usize {
        self.runs.iter().flat_map(|run| &run.findings).filter(|finding| !finding.holds).count()
    }
}

impl RunResult {
    fn run(run: &Run, file: &Path, order: &Order<'_>, watch: &Watch<'_>) -> Result<Self, CliError> {
        let seeds = order.seeds.unwrap_or(run.seeds);
        let findings = Self::findings(run, seeds, file, order, watch)?;
        Ok(Self { name: run.name.clone(), seeds, first_seed: order.seed, findings })
    }

    fn findings(
        run: &Run,
        seeds: u64,
        file: &Path,
        order: &Order<'_>,
        watch: &Watch<'_>,
    ) -> Result<Vec<Finding>, CliError> {
        run.scenario.check().map_err(usage)?;
        // Behind the runs come those of the floods that paths are compared with.
        let scenarios: Vec<_> = [Some(run.scenario.clone()), run.flood()].into_iter().flatten().collect();
        let job = |number: u64| {
            let (which, seed) = (number / seeds, order.seed.saturating_add(number % seeds));
            let replay = format!("gossip simulate --experiment '{}' --seed {seed} --seeds 1", file.display());
            Ok(Job { scenario: scenarios[which as usize].clone(), seed, replay })
        };
        let mut outcomes: Vec<Outcome> = Vec::new();
        run_all(Extent::Runs(seeds * scenarios.len() as u64), &job, watch, |_, outcome| outcomes.push(outcome))?;
        let (outcomes, floods) = outcomes.split_at(seeds as usize);
        Ok(run.findings(outcomes, floods))
    }

    fn seeds(&self) -> String {
        match self.seeds {
            1 => format!("seed {}", self.first_seed),
            seeds => format!("seeds {}–{}", self.first_seed, self.first_seed + seeds - 1),
        }
    }
}

/// Cells of a finding: expected, found, the least and the most of one seed, others.
fn cells(finding: &Finding) -> [String; 4] {
    let pair = |(least, most): (f64, f64)| if least == most { number(least) } else { range(least, most) };
    let found = finding.found.map_or_else(|| "–".into(), number);
    let verdict = match (finding.range, finding.holds) {
        (None, _) => "",
        (Some(_), true) => " ✓",
        (Some(_), false) => " ✗",
    };
    [
        finding.range.map_or_else(String::new, pair),
        format!("{found}{verdict}"),
        finding.spread.map_or_else(String::new, pair),
        finding.anchor.clone().unwrap_or_default(),
    ]
}

fn range(least: f64, most: f64) -> String {
    if most >= 1e12 { format!("≥ {}", number(least)) } else { format!("{} – {}", number(least), number(most)) }
}

/// Four digits that say something at most.
fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        10.0
    } else if value.abs() >= 1.0 {
        1e3
    } else {
        1e5
    };
    format!("{}", (value * digits).round() / digits)
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tried) in self.experiments.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n\n" };
            writeln!(f, "{gap}{} {}", tried.name, tried.title)?;
            let head = ["", "", "expected", "found", "seed by seed", "others"].map(str::to_owned);
            let mut rows = vec![head.to_vec()];
            for run in &tried.runs {
                let name = format!("{} ({})", run.name, run.seeds());
                for (index, finding) in run.findings.iter().enumerate() {
                    let name = if index == 0 { name.clone() } else { String::new() };
                    rows.push([name, finding.title.to_owned()].into_iter().chain(cells(finding)).collect());
                }
            }
            write!(f, "{}", text::columns("  ", &rows))?;
        }
        Ok(())
    }
}

impl Results {
    /// The same for documents.
    fn markdown(&self) -> String {
        let mut page = String::new();
        for tried in &self.experiments {
            let command = format!("gossip simulate --experiment {}", tried.file.display());
            let ExperimentResult { name, title, text, .. } = tried;
            // Writing to a String cannot fail.
            let _ = write!(page, "\n## {name} {title}\n\n{text}\n\n```console\n$ {command}\n```\n\n");
            page.push_str(
                "| run | figure | expected | found | seed by seed | others |\n| --- | --- | --- | --- | --- | --- |\n",
            );
            for run in &tried.runs {
                let name = format!("{}, {}", run.name, run.seeds());
                for (index, finding) in run.findings.iter().enumerate() {
                    let name = if index == 0 { &*name } else { "" };
                    let _ = writeln!(page, "| {name} | {} | {} |", finding.title, cells(finding).join(" | "));
                }
            }
        }
        page
    }
}

/// Writes the results into a document between its marks; at its end, if it has none.
fn record(path: &Path, results: &Results) -> Result<(), CliError> {
    let old = fs::read_to_string(path).map_err(|error| failed("read", path, &error))?;
    let new = replace(&old, &results.markdown());
    fs::write(path, new).map_err(|error| failed("write", path, &error))
}

fn replace(document: &str, part: &str) -> String {
    let (before, rest) = document.split_once(BEGIN).unwrap_or((document, ""));
    let after = rest.split_once(END).map_or("\n", |(_, after)| after);
    format!("{before}{BEGIN}\n{part}\n{END}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_written_anew() {
        let document = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n");
        let once = replace(&document, "new");
        assert_eq!(once, format!("# Title\n\n{BEGIN}\nnew\n{END}\n\nEnd.\n"));
        assert_eq!(replace(&once, "new"), once);
        assert_eq!(replace("# Title\n", "new"), format!("# Title\n{BEGIN}\nnew\n{END}\n"));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.123_456, 3.0, 12.345_6, 184.27].map(number);
        assert_eq!(shown, ["0", "0.12346", "3", "12.346", "184.3"]);
        assert_eq!((range(0.0, 0.02), range(2.0, f64::MAX)), ("0 – 0.02".into(), "≥ 2".into()));
    }

    #[test]
    fn the_experiments_of_a_folder_come_by_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["e10.toml", "e2.toml", "readme.md"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = files(&[folder.path().to_owned()]).unwrap();
        assert!(names[0].ends_with("e2.toml") && names[1].ends_with("e10.toml") && names.len() == 2, "{names:?}");
    }
}
