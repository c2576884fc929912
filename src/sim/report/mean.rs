//! Averages that can be put together from parts.

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// A true average: sum and number are kept, so averages of parts merge into that of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
}

impl Mean {
    /// Takes in a value.
    pub fn add(&mut self, value: f64) {
        self.merge(&Self { count: 1, sum: value, least: value, most: value });
    }

    /// Takes in all values of another.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            self.count += other.count;
            self.sum += other.sum;
            self.least = self.least.min(other.least);
            self.most = self.most.max(other.most);
        }
    }

    /// The average; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The smallest value; `None` without values.
    pub fn least(&self) -> Option<f64> {
        (self.count > 0).then_some(self.least)
    }

    /// The largest value; `None` without values.
    pub fn most(&self) -> Option<f64> {
        (self.count > 0).then_some(self.most)
    }
}

impl Serialize for Mean {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let some = |value: f64| (self.count > 0).then_some(value);
        let mut fields = serializer.serialize_struct("Mean", 4)?;
        fields.serialize_field("mean", &self.mean())?;
        fields.serialize_field("min", &some(self.least))?;
        fields.serialize_field("max", &some(self.most))?;
        fields.serialize_field("count", &self.count)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_of_parts_merge_into_that_of_the_whole() {
        let (mut one, mut three) = (Mean::default(), Mean::default());
        one.add(10.0);
        [1.0, 2.0, 3.0].into_iter().for_each(|value| three.add(value));
        let mut all = Mean::default();
        all.merge(&one);
        all.merge(&three);
        all.merge(&Mean::default());
        assert_eq!((all.mean(), all.most(), all.least()), (Some(4.0), Some(10.0), Some(1.0)), "not of averages");
        let nothing = serde_json::to_string(&Mean::default()).unwrap();
        assert_eq!(nothing, r#"{"mean":null,"min":null,"max":null,"count":0}"#);
    }
}
