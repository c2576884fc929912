//! Nodes as they are named in a sentence.

use crate::core::id::NodeId;

/// Numbers in short: `1-3, 7`. Names that are no numbers follow, as they are.
pub fn ranges<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    let mut nodes: Vec<_> = nodes.into_iter().collect();
    nodes.sort_by_key(|node| node.natural_key());
    let mut parts: Vec<(String, Option<(u64, u64)>)> = Vec::new();
    for node in nodes {
        let number = node.as_str().parse::<u64>().ok();
        match (number, parts.last_mut().and_then(|part| part.1.as_mut())) {
            (Some(number), Some((_, last))) if number == *last + 1 => *last = number,
            (number, _) => parts.push((node.to_string(), number.map(|number| (number, number)))),
        }
    }
    let texts = parts.iter().map(|(text, range)| match range {
        Some((first, last)) if first < last => format!("{first}-{last}"),
        _ => text.clone(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// `node 4 is` or `nodes 1-3, 7 are`.
pub(super) fn nodes_are<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    let nodes: Vec<_> = nodes.into_iter().collect();
    let (noun, verb) = if nodes.len() == 1 { ("node", "is") } else { ("nodes", "are") };
    format!("{noun} {} {verb}", ranges(nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_short() {
        let names = |texts: &[&str]| texts.iter().map(|text| NodeId::new(text).unwrap()).collect::<Vec<_>>();
        assert_eq!(ranges(&names(&["7", "1", "3", "2"])), "1-3, 7");
        assert_eq!(ranges(&names(&["b", "10", "9", "a"])), "9-10, a, b");
        assert_eq!(ranges(&names(&[])), "");
        assert_eq!(nodes_are(&names(&["4"])), "node 4 is");
        assert_eq!(nodes_are(&names(&["4", "5"])), "nodes 4-5 are");
    }
}
