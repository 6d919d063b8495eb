//! Sums that files and the manifest state, and that `verify` compares.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::AddAssign;

/// Rows, and the sums of two of their columns. The sums are wide: 2^64 rows of 2^64 octets fit, so adding
/// never overflows, whatever an exporter claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many rows.
    pub rows: u64,
    /// Sum of `octets`; an unknown one adds nothing.
    #[serde(with = "wide")]
    pub octets: u128,
    /// Sum of `packets`; an unknown one adds nothing.
    #[serde(with = "wide")]
    pub packets: u128,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.octets = self.octets.saturating_add(other.octets);
        self.packets = self.packets.saturating_add(other.packets);
    }
}

/// A number that JSON readers keep exact: a string where it exceeds 64 bits.
mod wide {
    use super::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wide {
        Number(u64),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(*value) {
            Ok(value) => serializer.serialize_u64(value),
            Err(_) => serializer.serialize_str(&value.to_string()),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        match Wide::deserialize(deserializer)? {
            Wide::Number(value) => Ok(value.into()),
            Wide::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_above_64_bits_survive_json() {
        let totals = Totals { rows: 2, octets: 2 * u128::from(u64::MAX), packets: 7 };
        let text = serde_json::to_string(&totals).unwrap();
        assert_eq!(text, r#"{"rows":2,"octets":"36893488147419103230","packets":7}"#);
        assert_eq!(serde_json::from_str::<Totals>(&text).unwrap(), totals);
    }
}
