//! The way that one message took, put together from the paths that nodes have recorded.

use super::{error::SurveyError, heard::Survey};
use crate::{
    client::ask_all,
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{MessageId, NodeId},
        message::Path,
        request::{Cursor, Fetch, Page, Reply, Request, Status},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Journey of a message: the node that had it first, and the steps from there.
#[derive(Debug)]
pub struct Journey {
    /// The message.
    pub id: MessageId,
    /// By node that has it, the path of its first copy; the origin's own is empty or itself.
    pub first: BTreeMap<NodeId, Path>,
}

/// One step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopTiming {
    /// Node that passed it on.
    pub from: NodeId,
    /// Node that got it so first.
    pub to: NodeId,
    /// Microseconds that this hop took, as far as the clocks of the two agree.
    pub took_us: u64,
    /// Microseconds from its submission to its arrival.
    pub after_us: u64,
}

impl Journey {
    /// Looks for the message in the inboxes of all that answered, all at once, page by page, until `deadline`.
    pub fn trace(id: &MessageId, survey: &Survey, deadline: &Deadline) -> Result<Self, SurveyError> {
        let answered = survey.nodes.iter().filter_map(|heard| Some((heard.status()?.node.clone(), &heard.endpoint)));
        let mut waiting: Vec<Search<'_>> = answered.map(|(node, endpoint)| Search::new(node, endpoint)).collect();
        let mut first = BTreeMap::new();
        while !waiting.is_empty() {
            if deadline.is_over() {
                return Err(SurveyError::Unsearched);
            }
            let questions: Vec<_> = waiting.iter().map(|search| (search.endpoint.clone(), search.question())).collect();
            let answers = ask_all(&questions, deadline.remaining())?;
            let mut next = Vec::new();
            for (mut search, answer) in waiting.into_iter().zip(answers) {
                let Ok(Reply::Page(page)) = answer.map(|response| response.reply) else { continue };
                match page.messages.iter().find(|message| message.id == *id && !message.continued) {
                    Some(found) => drop(first.insert(search.node, found.paths.first().cloned())),
                    None => next.extend(search.go_on(&page).then_some(search)),
                }
            }
            waiting = next;
        }
        if first.is_empty() {
            return Err(SurveyError::NotKept(id.clone()));
        }
        if first.values().all(Option::is_none) {
            return Err(SurveyError::Untraced(id.clone()));
        }
        let first = first.into_iter().map(|(node, path)| (node, path.unwrap_or_else(|| Vec::new().into()))).collect();
        Ok(Self { id: id.clone(), first })
    }

    /// The step by which each node got it, in the order of their arrival.
    pub fn steps(&self) -> Vec<HopTiming> {
        let step = |(_, path): (&NodeId, &Path)| match &path[..] {
            [.., from, to] => Some(HopTiming {
                from: from.node.clone(),
                to: to.node.clone(),
                took_us: to.micros.saturating_sub(from.micros),
                after_us: to.micros,
            }),
            _ => None,
        };
        let mut steps: Vec<_> = self.first.iter().filter_map(step).collect();
        steps.sort_by(|a, b| (a.after_us, &a.to).cmp(&(b.after_us, &b.to)));
        steps
    }

    /// Hops from the origin to a node; `None`: it does not have the message.
    pub fn hops(&self, node: &NodeId) -> Option<usize> {
        self.first.get(node).map(|path| path.len().saturating_sub(1))
    }

    /// All nodes on the way, also those that do not answer any more.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        let on_paths = self.first.values().flat_map(|path| path.iter().map(|hop| hop.node.clone()));
        self.first.keys().cloned().chain(on_paths).collect()
    }
}

/// The search of one inbox.
struct Search<'a> {
    node: NodeId,
    endpoint: &'a Endpoint,
    from: Cursor,
    through: Option<u64>,
}

impl<'a> Search<'a> {
    fn new(node: NodeId, endpoint: &'a Endpoint) -> Self {
        Self { node, endpoint, from: Cursor::default(), through: None }
    }

    fn question(&self) -> Request {
        let (from, through) = (self.from, self.through);
        Request::Fetch(Fetch { status: Status::All, from, through, limit: u64::MAX, mark: false })
    }

    /// Turns to the next page, if there is one.
    fn go_on(&mut self, page: &Page) -> bool {
        self.through = Some(page.through);
        page.next.is_some_and(|next| std::mem::replace(&mut self.from, next) < next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{id::Incarnation, message::Hop};

    #[test]
    fn steps_stand_in_the_order_of_arrival() {
        let path = |hops: &[(u32, u64)]| {
            hops.iter().map(|&(node, micros)| Hop { node: NodeId::numbered(node), micros }).collect::<Path>()
        };
        let first = [(1, path(&[(1, 0)])), (2, path(&[(1, 0), (3, 200), (2, 450)])), (3, path(&[(1, 0), (3, 200)]))];
        let first: BTreeMap<_, _> = first.into_iter().map(|(node, path)| (NodeId::numbered(node), path)).collect();
        let id = MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(7), sequence: 1 };
        let journey = Journey { id, first };
        let told: Vec<_> = journey
            .steps()
            .into_iter()
            .map(|step| (step.from.to_string(), step.to.to_string(), step.took_us, step.after_us))
            .collect();
        assert_eq!(told, [("1".into(), "3".into(), 200, 200), ("3".into(), "2".into(), 250, 450)]);
        assert_eq!([1, 2, 3, 4].map(|node| journey.hops(&NodeId::numbered(node))), [Some(0), Some(2), Some(1), None]);
    }
}
