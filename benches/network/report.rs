//! Figures of several runs: medians, spread, and side by side with another program.

use serde_json::{Value, json};
use std::fmt;

/// What a figure should be.
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

/// The values of one figure over all runs, in their order; NaN where a run failed.
struct Row {
    name: String,
    unit: &'static str,
    goal: Option<Goal>,
    values: Vec<f64>,
    against: Vec<f64>,
}

/// All figures.
#[derive(Default)]
pub(crate) struct Report {
    head: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    wrong: Vec<String>,
}

impl Report {
    /// A report that begins with what was measured where.
    pub(crate) fn new(head: Vec<(&'static str, String)>) -> Self {
        Self { head, ..Self::default() }
    }

    /// Adds the figures of run `run`, of the program itself or of the one that it is compared with.
    pub(crate) fn add(&mut self, run: usize, is_other: bool, figures: Vec<Figure>) {
        for Figure { name, unit, value, goal } in figures {
            let found = self.rows.iter().position(|row| row.name == name);
            let index = found.unwrap_or_else(|| {
                self.rows.push(Row { name, unit, goal, values: Vec::new(), against: Vec::new() });
                self.rows.len() - 1
            });
            let row = &mut self.rows[index];
            let values = if is_other { &mut row.against } else { &mut row.values };
            values.resize(run, f64::NAN);
            values.push(value);
        }
    }

    /// Notes why a run gave no figures.
    pub(crate) fn add_wrong(&mut self, text: String) {
        self.wrong.push(text);
    }

    /// Whether all runs were sound.
    pub(crate) fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }

    /// The report as a JSON document.
    pub(crate) fn to_json(&self) -> Value {
        let head = self.head.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut document = Value::Object(head.collect());
        document["figures"] = self.rows.iter().map(Row::to_json).collect();
        document["wrong"] = json!(self.wrong);
        document
    }
}

impl Row {
    fn to_json(&self) -> Value {
        let Self { name, unit, values, against, .. } = self;
        let mut document = json!({ "name": name, "unit": unit, "median": median(values), "values": values });
        match self.goal {
            Some(Goal::AtMost(most)) => document["at_most"] = json!(most),
            Some(Goal::AtLeast(least)) => document["at_least"] = json!(least),
            None => {}
        }
        if !against.is_empty() {
            document["against"] = json!({ "median": median(against), "values": against, "ratio": self.ratio() });
        }
        document
    }

    /// The median of this program's value over the other's of the same run.
    fn ratio(&self) -> f64 {
        median(&self.values.iter().zip(&self.against).map(|(own, other)| own / other).collect::<Vec<_>>())
    }

    fn cells(&self, is_compared: bool) -> Vec<String> {
        let goal = match self.goal {
            Some(Goal::AtMost(most)) => format!("<= {}", number(most)),
            Some(Goal::AtLeast(least)) => format!(">= {}", number(least)),
            None => String::new(),
        };
        let (least, most) = extremes(&self.values);
        let spread = format!("{} to {}", number(least), number(most));
        let mut cells = vec![self.name.clone(), number(median(&self.values)), self.unit.into(), spread, goal];
        if is_compared {
            cells.extend([number(median(&self.against)), format!("{:.2}", self.ratio())]);
        }
        cells
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.head {
            writeln!(f, "{name}: {value}")?;
        }
        writeln!(f)?;
        let is_compared = self.rows.iter().any(|row| !row.against.is_empty());
        let mut table: Vec<Vec<String>> = vec![["", "median", "", "spread", "goal"].map(String::from).into()];
        if is_compared {
            table[0].extend(["other".to_owned(), "ratio".to_owned()]);
        }
        table.extend(self.rows.iter().map(|row| row.cells(is_compared)));
        let widths: Vec<_> = (0..table[0].len())
            .map(|column| table.iter().map(|cells| cells[column].len()).max().unwrap_or_default())
            .collect();
        for cells in &table {
            let cell = |(index, cell): (usize, &String)| match index {
                1 | 5 | 6 => format!("{cell:>width$}", width = widths[index]),
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

fn extremes(values: &[f64]) -> (f64, f64) {
    let values = sound(values);
    (values.first().copied().unwrap_or(f64::NAN), values.last().copied().unwrap_or(f64::NAN))
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
