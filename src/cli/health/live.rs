//! Screen of `gossip status --watch`: the verdict first, then the nodes that are not well, then the others, and
//! no more than there is room for.

use super::{node_health::NodeHealth, report::Report};
use crate::{
    cli::text::{self, count},
    survey::State,
};

/// Lines that the verdict may take of so many.
const VERDICT_SHARE: usize = 3;

impl Report {
    /// The lines for a terminal of this size. None is longer than it is wide but those of the table, which are cut.
    pub fn frame(&self, columns: usize, rows: usize) -> Vec<String> {
        let wrapped = |line: &String| text::wrap(line, columns);
        let mut frame: Vec<String> = self.lines.iter().flat_map(wrapped).collect();
        let share = (rows / VERDICT_SHARE).max(1);
        // Where it is narrow, the verdict is worth more than what was counted.
        let troubles = self.troubles().filter(|_| frame.len() <= share);
        frame.truncate(if troubles.is_some() { share } else { share + 1 });
        let first = self.lines.first().map_or(0, |line| wrapped(line).len());
        frame.iter_mut().take(first).for_each(|line| *line = self.painted(line));
        frame.extend(troubles);
        frame.extend((!frame.is_empty()).then(String::new));
        let mut nodes: Vec<&NodeHealth> = self.nodes.iter().collect();
        nodes.sort_by_key(|account| badness(account));
        let counted = if self.has_counters() { self.counters(&nodes) } else { Vec::new() };
        let room = rows.saturating_sub(frame.len() + 1);
        // Counters have half of the room, and what the nodes leave of theirs.
        let room = room - counted.len().min(room / 2);
        let shown = if nodes.len() <= room { nodes.len() } else { room.saturating_sub(1) };
        let (shown, hidden) = nodes.split_at(shown);
        frame.extend(self.table(shown));
        if !hidden.is_empty() {
            let bad = hidden.iter().filter(|account| account.state != State::Up).count();
            let how = if bad == 0 { "up".to_owned() } else { format!("{bad} of them not up") };
            frame.push(format!("  … and {}, {how}", count(hidden.len() as u64, "more node")));
        }
        let room = rows.saturating_sub(frame.len());
        let shown = if counted.len() <= room { counted.len() } else { room.saturating_sub(1) };
        frame.extend_from_slice(&counted[..shown]);
        if counted.len() > shown {
            frame.push(format!("  … and {}", count((counted.len() - shown) as u64, "more line")));
        }
        frame.truncate(rows);
        frame
    }
}

/// Rank of a node: higher is worse; equals stay in the order of their names.
fn badness(account: &NodeHealth) -> u8 {
    match account.state {
        State::Down => 0,
        State::Silent => 1,
        State::Suspect => 2,
        State::Up if !account.remark().is_empty() => 3,
        State::Up if account.lag != Some(0) => 4,
        State::Up => 5,
    }
}
