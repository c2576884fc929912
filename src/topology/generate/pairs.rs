//! Pairs of nodes that are linked, while a graph is made.

/// Most nodes for which there is a bit for each ordered pair: 128 MiB.
const BITS_NODES_MAX: usize = 1 << 15;

/// Answers at once whether two nodes are linked.
pub(super) enum Pairs {
    /// A bit for each ordered pair of so many nodes.
    Bits(usize, Vec<u64>),
    /// For each node those that it is linked to, in any order: they are few.
    Lists(Vec<Vec<u32>>),
}

impl Pairs {
    /// So many nodes of which no two are linked.
    pub(super) fn new(nodes: usize) -> Self {
        if nodes <= BITS_NODES_MAX {
            Self::Bits(nodes, vec![0; (nodes * nodes).div_ceil(64)])
        } else {
            Self::Lists(vec![Vec::new(); nodes])
        }
    }

    /// Returns whether two nodes are linked.
    pub(super) fn has(&self, a: usize, b: usize) -> bool {
        match self {
            Self::Bits(nodes, bits) => {
                let bit = a * nodes + b;
                bits[bit / 64] >> (bit % 64) & 1 == 1
            }
            Self::Lists(lists) => {
                let (few, other) = if lists[a].len() <= lists[b].len() { (a, b) } else { (b, a) };
                lists[few].contains(&(other as u32))
            }
        }
    }

    /// Notes that two nodes that were not linked are from now on, or that two that were are no more.
    pub(super) fn mark(&mut self, (a, b): (usize, usize), linked: bool) {
        for (a, b) in [(a, b), (b, a)] {
            match self {
                Self::Bits(nodes, bits) => {
                    let (word, mask) = ((a * *nodes + b) / 64, 1 << ((a * *nodes + b) % 64));
                    bits[word] = if linked { bits[word] | mask } else { bits[word] & !mask };
                }
                Self::Lists(lists) if linked => lists[a].push(b as u32),
                Self::Lists(lists) => lists[a].retain(|&other| other != b as u32),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_bits_tell_the_same() {
        let (bits, lists) = (Pairs::new(4), Pairs::Lists(vec![Vec::new(); 4]));
        assert!(matches!((&bits, Pairs::new(BITS_NODES_MAX + 1)), (Pairs::Bits(..), Pairs::Lists(_))));
        for mut pairs in [bits, lists] {
            [(0, 1), (2, 1), (3, 0)].into_iter().for_each(|pair| pairs.mark(pair, true));
            pairs.mark((1, 0), false);
            let linked = (0..4).flat_map(|a| (0..4).map(move |b| (a, b))).filter(|&(a, b)| pairs.has(a, b));
            assert_eq!(linked.collect::<Vec<_>>(), [(0, 3), (1, 2), (2, 1), (3, 0)]);
        }
    }
}
