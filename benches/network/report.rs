//! Figures of several rounds: medians, spread, and side by side with others.

use serde_json::{Value, json};
use std::fmt;

/// Goal of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// One number of one run.
#[derive(Debug)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    goal: Option<Goal>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { name: name.into(), unit, value, goal: None }
    }

    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

/// The values of one figure of all contenders over all rounds, in their order; NaN where one failed.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    goal: Option<Goal>,
    values: Vec<Vec<f64>>,
}

/// All figures.
#[derive(Default)]
pub(crate) struct Report {
    head: Vec<(&'static str, String)>,
    /// The program itself, then the others.
    contenders: Vec<&'static str>,
    rows: Vec<Row>,
    wrong: Vec<String>,
}

impl Report {
    /// A report that begins with what was measured where.
    pub(crate) fn new(head: Vec<(&'static str, String)>, contenders: Vec<&'static str>) -> Self {
        Self { head, contenders, ..Self::default() }
    }

    /// Adds the figures of a round, of one of the contenders.
    pub(crate) fn add(&mut self, round: usize, contender: usize, figures: Vec<Figure>) {
        for Figure { name, unit, value, goal } in figures {
            let found = self.rows.iter().position(|row| row.name == name);
            let index = found.unwrap_or_else(|| {
                self.rows.push(Row { name, unit, goal, values: vec![Vec::new(); self.contenders.len()] });
                self.rows.len() - 1
            });
            let values = &mut self.rows[index].values[contender];
            values.resize(round, f64::NAN);
            values.push(value);
        }
    }

    /// Head of the report: what was measured where.
    pub(crate) fn head(&self) -> &[(&'static str, String)] {
        &self.head
    }

    /// The program itself, then the others.
    pub(crate) fn contenders(&self) -> &[&'static str] {
        &self.contenders
    }

    /// The figures.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Notes why a run gave no figures.
    pub(crate) fn add_wrong(&mut self, text: String) {
        self.wrong.push(text);
    }

    /// Reasons why some runs gave no figures, a line each.
    pub(crate) fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// Returns whether all runs were sound.
    pub(crate) fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }

    /// The report as a JSON document.
    pub(crate) fn to_json(&self) -> Value {
        let head = self.head.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut document = Value::Object(head.collect());
        document["figures"] = self.rows.iter().map(|row| row.to_json(&self.contenders)).collect();
        document["wrong"] = json!(self.wrong);
        document
    }
}

impl Row {
    /// The median of a contender; NaN if it has none.
    pub(crate) fn median(&self, contender: usize) -> f64 {
        median(&self.values[contender])
    }

    /// Returns whether there is a value of a contender.
    pub(crate) fn has(&self, contender: usize) -> bool {
        !sound(&self.values[contender]).is_empty()
    }

    /// The rounds in which a contender gave a value.
    pub(crate) fn rounds(&self, contender: usize) -> usize {
        sound(&self.values[contender]).len()
    }

    /// The least and the most of a contender.
    pub(crate) fn spread(&self, contender: usize) -> (f64, f64) {
        let values = sound(&self.values[contender]);
        (values.first().copied().unwrap_or(f64::NAN), values.last().copied().unwrap_or(f64::NAN))
    }

    /// The median over the rounds of the program's value by another contender's of the same round.
    pub(crate) fn ratio(&self, contender: usize) -> f64 {
        median(&self.values[0].iter().zip(&self.values[contender]).map(|(own, other)| own / other).collect::<Vec<_>>())
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        (1..self.values.len()).filter(|&contender| self.has(contender))
    }

    fn to_json(&self, contenders: &[&str]) -> Value {
        let Self { name, unit, values, .. } = self;
        let mut document = json!({ "name": name, "unit": unit, "median": self.median(0), "values": values[0] });
        match self.goal {
            Some(Goal::AtMost(most)) => document["at_most"] = json!(most),
            Some(Goal::AtLeast(least)) => document["at_least"] = json!(least),
            None => {}
        }
        for other in self.others() {
            document["beside"][contenders[other]] =
                json!({ "median": self.median(other), "values": values[other], "ratio": self.ratio(other) });
        }
        document
    }

    /// The cells of its line: its name, the program's median, unit, spread and goal, then each other's median and the ratio
    /// to it.
    fn cells(&self) -> Vec<String> {
        let median = self.median(0);
        let goal = match self.goal {
            Some(Goal::AtMost(most)) => format!("<= {}{}", number(most), if median > most { ", missed" } else { "" }),
            Some(Goal::AtLeast(least)) => {
                format!(">= {}{}", number(least), if median < least { ", missed" } else { "" })
            }
            None => String::new(),
        };
        let (least, most) = self.spread(0);
        let spread = format!("{} to {}", number(least), number(most));
        let (median, spread) = if self.has(0) { (number(self.median(0)), spread) } else { Default::default() };
        let mut cells = vec![self.name.clone(), median, self.unit.into(), spread, goal];
        cells.extend((1..self.values.len()).map(|other| match (self.has(other), self.has(0)) {
            (true, true) if self.ratio(other).is_finite() => {
                format!("{} ({:.2})", number(self.median(other)), self.ratio(other))
            }
            (true, _) => number(self.median(other)),
            (false, _) => String::new(),
        }));
        cells
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.head {
            writeln!(f, "{name}: {value}")?;
        }
        writeln!(f)?;
        let mut table: Vec<Vec<String>> = vec![["", "median", "", "spread", "goal"].map(String::from).into()];
        table[0].extend(self.contenders.iter().skip(1).map(|other| format!("{other} (ratio)")));
        table.extend(self.rows.iter().map(Row::cells));
        let widths: Vec<_> = (0..table[0].len())
            .map(|column| table.iter().map(|cells| cells[column].len()).max().unwrap_or_default())
            .collect();
        for cells in &table {
            let cell = |(index, cell): (usize, &String)| match index {
                1 => format!("{cell:>width$}", width = widths[index]),
                _ => format!("{cell:<width$}", width = widths[index]),
            };
            let line = cells.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ");
            writeln!(f, "{}", line.trim_end())?;
        }
        self.wrong.iter().try_for_each(|text| writeln!(f, "wrong: {text}"))
    }
}

fn sound(values: &[f64]) -> Vec<f64> {
    let mut sound: Vec<_> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sound.sort_by(f64::total_cmp);
    sound
}

/// The middle value, or the mean of the two; NaN of none.
fn median(values: &[f64]) -> f64 {
    let values = sound(values);
    match values.len() {
        0 => f64::NAN,
        count => f64::midpoint(values[(count - 1) / 2], values[count / 2]),
    }
}

/// Three digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
