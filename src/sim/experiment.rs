//! Experiments as data: what is run, on how many seeds, and within which ranges its figures must lie.

use super::{
    Mean, Outcome, Report, Scenario, ScenarioError,
    report::{FIGURES, Figure},
    scenario::Spread,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// An experiment: runs that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// A short name, such as `E11`.
    pub name: String,
    /// Subject, in a few words.
    pub title: String,
    /// Description and purpose, for readers of the results.
    pub text: String,
    /// Its runs, in order.
    pub runs: Vec<Run>,
}

/// A scenario, run with several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Name that tells it from the experiment's other runs.
    pub name: String,
    /// Scenario of the run.
    pub scenario: Scenario,
    /// Number of seeds.
    pub seeds: u64,
    /// True if the paths recorded must be those of a flood.
    pub same_paths: bool,
    /// Expectations, in the order of [`FIGURES`].
    pub expectations: Vec<Expectation>,
}

/// Range that a figure must be in.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The figure's name.
    pub figure: &'static str,
    /// From where to where, both included, for each seed; `None`: it is shown and may be anything.
    pub range: Option<(f64, f64)>,
    /// Measurements by others.
    pub anchor: Option<String>,
}

/// Outcome of an expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The figure's name.
    pub figure: &'static str,
    /// Name of the figure, for people.
    pub title: &'static str,
    /// From where to where it must be.
    pub range: Option<(f64, f64)>,
    /// Measurements by others.
    pub anchor: Option<String>,
    /// Over all messages of all seeds.
    pub found: Option<f64>,
    /// The least and the most of one seed.
    pub spread: Option<(f64, f64)>,
    /// True if it is within the range for each seed.
    pub holds: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    text: String,
    #[serde(default = "seeds")]
    seeds: u64,
    #[serde(default)]
    scenario: Table,
    run: Vec<RunTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunTable {
    name: String,
    seeds: Option<u64>,
    #[serde(default)]
    scenario: Table,
    #[serde(default)]
    same_paths: bool,
    #[serde(default)]
    expect: BTreeMap<String, (f64, f64)>,
    #[serde(default)]
    show: Vec<String>,
    #[serde(default)]
    anchor: BTreeMap<String, String>,
}

const fn seeds() -> u64 {
    5
}

impl Experiment {
    /// Reads an experiment's file. Each run's scenario is the common one, changed by what stands in its own.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let syntax = |error: toml::de::Error| ScenarioError::Syntax(super::scenario::describe(&error, text));
        let File { name, title, text: about, seeds, scenario, run } = toml::from_str(text).map_err(syntax)?;
        let runs = run.into_iter().map(|run| Run::new(run, &scenario, seeds)).collect::<Result<_, _>>()?;
        Ok(Self { name, title, text: about.split_whitespace().collect::<Vec<_>>().join(" "), runs })
    }
}

impl Run {
    fn new(table: RunTable, common: &Table, seeds: u64) -> Result<Self, ScenarioError> {
        let RunTable { name, seeds: own_seeds, scenario, same_paths, expect, show, anchor } = table;
        let mut merged = common.clone();
        merge(&mut merged, scenario);
        let syntax =
            |error: toml::de::Error| ScenarioError::Syntax(format!("run '{name}': {}", error.message().trim()));
        let scenario: Scenario = Value::Table(merged).try_into().map_err(syntax)?;
        scenario.check()?;
        let names = expect.keys().chain(&show).chain(anchor.keys());
        if let Some(unknown) = names.clone().find(|name| Figure::named(name).is_none()) {
            return Err(ScenarioError::Syntax(format!("run '{name}': there is no figure '{unknown}'")));
        }
        let is_named = |figure: &&Figure| names.clone().any(|name| name == figure.name);
        let expectations = FIGURES.iter().filter(is_named).map(|figure| Expectation {
            figure: figure.name,
            range: expect.get(figure.name).copied(),
            anchor: anchor.get(figure.name).cloned(),
        });
        let expectations = expectations.collect();
        Ok(Self { name, scenario, seeds: own_seeds.unwrap_or(seeds).max(1), same_paths, expectations })
    }

    /// The same scenario as a flood, to compare paths with.
    pub fn flood(&self) -> Option<Scenario> {
        self.same_paths.then(|| Scenario { dissemination: Spread::Flood, ..self.scenario.clone() })
    }

    /// Findings from the outcomes of all seeds, and, where paths are compared, those of the flood.
    pub fn findings(&self, outcomes: &[Outcome], floods: &[Outcome]) -> Vec<Finding> {
        let mut all = Report::default();
        outcomes.iter().for_each(|outcome| all.merge(&outcome.report));
        let mut findings: Vec<_> = self.expectations.iter().map(|expected| expected.judge(&all, outcomes)).collect();
        if self.same_paths {
            let same =
                outcomes.iter().zip(floods).filter(|(tree, flood)| tree.report.paths_hash == flood.report.paths_hash);
            let (same, seeds) = (same.count() as f64, outcomes.len() as f64);
            findings.push(Finding {
                figure: "same_paths",
                title: "seeds with the paths of a flood",
                range: Some((seeds, seeds)),
                anchor: None,
                found: Some(same),
                spread: None,
                holds: same == seeds,
            });
        }
        findings
    }
}

impl Expectation {
    fn judge(&self, all: &Report, outcomes: &[Outcome]) -> Finding {
        let figure = Figure::named(self.figure).expect("names were looked up when the file was read");
        let mut of_seeds = Mean::default();
        let values: Vec<_> = outcomes.iter().map(|outcome| figure.of(&outcome.report)).collect();
        values.iter().flatten().for_each(|&value| of_seeds.add(value));
        // What could not be measured is not as expected.
        let is_within = |(least, most): (f64, f64)| {
            values.iter().all(|value| value.is_some_and(|value| (least..=most).contains(&value)))
        };
        Finding {
            figure: self.figure,
            title: figure.title,
            range: self.range,
            anchor: self.anchor.clone(),
            found: figure.of(all),
            spread: of_seeds.least().zip(of_seeds.most()),
            holds: self.range.is_none_or(is_within),
        }
    }
}

/// Changes a table by another one: tables within it in the same way, all else as a whole.
fn merge(table: &mut Table, changes: Table) {
    for (key, change) in changes {
        match (table.get_mut(&key), change) {
            (Some(Value::Table(old)), Value::Table(change)) => merge(old, change),
            (_, change) => {
                table.insert(key, change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Simulation;

    const TEXT: &str = "
        name = 'E0'
        title = 'A ring'
        text = '''
        Two
        lines.'''
        seeds = 2
        [scenario]
        topology = 'circular'
        dissemination = 'flood'
        load = { messages = 3, trace = true }
        network = { latency = '10ms' }
        [[run]]
        name = 'of 8'
        scenario = { nodes = 8, load = { messages = 2 } }
        expect = { last_hop = [4.0, 4.0], rmr = [0.0, 0.1] }
        anchor = { last_hop = 'N/2' }
        same_paths = true
        [[run]]
        name = 'of 9'
        scenario = { nodes = 9 }
        show = ['delivery']
    ";

    fn outcomes(run: &Run) -> Vec<Outcome> {
        (1..=run.seeds).map(|seed| Simulation::new(&run.scenario, seed).unwrap().run().unwrap()).collect()
    }

    #[test]
    fn runs_change_what_they_share_and_are_judged_seed_by_seed() {
        let experiment = Experiment::from_toml(TEXT).unwrap();
        let [first, second] = &experiment.runs[..] else { panic!("{experiment:?}") };
        assert_eq!((&*experiment.text, first.seeds, first.scenario.nodes), ("Two lines.", 2, 8));
        assert_eq!((first.scenario.load.messages, second.scenario.load.messages), (2, 3));
        let outcomes = outcomes(first);
        let findings = first.findings(&outcomes, &outcomes);
        let found: Vec<_> = findings.iter().map(|finding| (finding.figure, finding.holds)).collect();
        // Traced copies go both ways round: 2E frames for 7 receivers.
        assert_eq!(found, [("rmr", false), ("last_hop", true), ("same_paths", true)]);
        assert_eq!(findings[0].found, Some(16.0 / 7.0 - 1.0));
        assert_eq!((findings[1].anchor.as_deref(), findings[1].spread), (Some("N/2"), Some((4.0, 4.0))));
        let shown = second.findings(&self::outcomes(second), &[]);
        assert_eq!((shown[0].figure, shown[0].holds, shown[0].found), ("delivery", true, Some(1.0)));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (from, to, says) in [
            ("last_hop = [", "lost_hope = [", "run 'of 8': there is no figure 'lost_hope'"),
            ("nodes = 9", "notes = 9", "run 'of 9': unknown field `notes`"),
            ("title", "tittle", "unknown field `tittle`"),
        ] {
            let error = Experiment::from_toml(&TEXT.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
