//! Firewall events (Cisco ASA NSEL): one pair of counters with two meanings.
//!
//! While a connection lives, *update* events carry what passed since the event before; when it ends, the *delete*
//! event carries the total of its life in the same fields. Added up, they would bill everything twice. So updates
//! are remembered per connection, and of a total only what they did not say yet is counted:
//! `max(0, total − updates)`.

use super::recent::Recent;
use crate::Batch;
use crate::schema::Column;

/// Connections with updates that are remembered, of all firewalls together. A large firewall's own table is of
/// this order; of one that is forgotten, the total counts whole, and it is counted as an eviction.
const CONNECTIONS_MAX: usize = 1 << 19;

/// Values of element 233.
const DELETED: u64 = 2;
const UPDATE: u64 = 5;

/// The counters that events carry.
const COLUMNS: [Column; 2] = [Column::MeasuredOctets, Column::MeasuredPackets];

/// What the updates of living connections said, by session, connection and direction.
#[derive(Debug)]
pub(super) struct Connections {
    said: Recent<(u64, u64), [u64; 2]>,
}

impl Default for Connections {
    fn default() -> Self {
        Self { said: Recent::new(CONNECTIONS_MAX) }
    }
}

impl Connections {
    /// Takes from the totals of the rows from `base` on what their updates said before. `events` and
    /// `connections` are the rows' own; `owner` stands for the session and the direction. Returns how many
    /// connections were forgotten for it.
    pub(super) fn settle(
        &mut self,
        events: &[u64],
        connections: &[u64],
        owner: u64,
        base: usize,
        batch: &mut Batch,
    ) -> usize {
        for (i, (event, connection)) in events.iter().zip(connections).enumerate() {
            let key = (*connection, owner);
            match *event {
                UPDATE => {
                    let said = self.said.entry(key);
                    for (column, sum) in COLUMNS.iter().zip(said) {
                        *sum = sum
                            .saturating_add(batch.u64s(*column).get(base + i).copied().unwrap_or_default());
                    }
                }
                DELETED => {
                    let said = self.said.remove(&key).unwrap_or_default();
                    for (column, sum) in COLUMNS.iter().zip(said) {
                        if let Some(total) = batch.u64s_mut(*column).get_mut(base + i) {
                            *total = total.saturating_sub(sum);
                        }
                    }
                }
                _ => {}
            }
        }
        self.said.take_forgotten()
    }
}
