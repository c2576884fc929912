//! A time that takes work to find and changes seldom: kept until something changes that it follows from.

use std::{
    cell::Cell,
    fmt::{self, Debug},
};

/// Memo of what was found when it was asked for last, if nothing has changed since.
///
/// Whoever changes what the value follows from clears it. With debug assertions each use finds the value anew and compares,
/// so that no forgotten change stays unseen.
pub struct Memo<T: Copy>(Cell<Option<T>>);

impl<T: Copy> Default for Memo<T> {
    fn default() -> Self {
        Self(Cell::new(None))
    }
}

/// Says nothing of what is known: it follows from the rest, and whoever compares two states is not misled by it.
impl<T: Copy> Debug for Memo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl<T: Copy + PartialEq + Debug> Memo<T> {
    /// The value, found by `find` unless it is known.
    pub fn get(&self, find: impl Fn() -> T) -> T {
        let Some(known) = self.0.get() else {
            let found = find();
            self.0.set(Some(found));
            return found;
        };
        debug_assert_eq!(known, find(), "something has changed, and what follows from it was not cleared");
        known
    }

    /// Something has changed.
    pub fn clear(&mut self) {
        self.0.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_found_anew_only_after_a_change() {
        let (mut memo, found) = (Memo::default(), Cell::new(0));
        let find = || {
            found.set(found.get() + 1);
            7
        };
        assert_eq!((memo.get(find), found.get()), (7, 1));
        let checks = u32::from(cfg!(debug_assertions));
        assert_eq!((memo.get(find), found.get()), (7, 1 + checks), "only compared");
        assert_eq!(format!("{memo:?}"), format!("{:?}", Memo::<i32>::default()));
        memo.clear();
        assert_eq!((memo.get(find), found.get()), (7, 2 + checks));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "was not cleared")]
    fn a_forgotten_change_is_noticed() {
        let memo = Memo::default();
        memo.get(|| 1);
        memo.get(|| 2);
    }
}
