//! Firewall events (Cisco ASA NSEL): one pair of counters with two meanings.
//!
//! While a connection lives, *update* events carry what passed since the event before; when it ends, the *delete*
//! event carries the total of its life in the same fields. Added up, they would bill everything twice. So updates
//! are remembered per connection, and of a total only what they did not say yet is counted:
//! `max(0, total − updates)`.

use crate::Batch;
use crate::schema::Column;
use hashbrown::HashMap;

/// Connections with updates that are remembered. A firewall's own table is of this order; of one that is
/// forgotten, the total counts whole.
const CONNECTIONS_MAX: usize = 262_144;

/// Values of element 233.
const DELETED: u64 = 2;
const UPDATE: u64 = 5;

/// The counters that events carry.
const COLUMNS: [Column; 2] = [Column::MeasuredOctets, Column::MeasuredPackets];

/// What the updates of living connections said, by connection and direction.
#[derive(Debug, Default)]
pub(super) struct Connections {
    said: HashMap<(u64, bool), [u64; 2], foldhash::fast::RandomState>,
}

impl Connections {
    /// Takes from the totals of the rows from `base` on what their updates said before. `events` and
    /// `connections` are the rows' own; `back` tells the responder's direction from the initiator's. Returns
    /// how many connections could not be remembered.
    pub(super) fn settle(
        &mut self,
        events: &[u64],
        connections: &[u64],
        back: bool,
        base: usize,
        batch: &mut Batch,
    ) -> usize {
        let mut forgotten = 0;
        for (i, (event, connection)) in events.iter().zip(connections).enumerate() {
            let key = (*connection, back);
            match *event {
                UPDATE if self.said.len() >= CONNECTIONS_MAX && !self.said.contains_key(&key) => {
                    forgotten += 1;
                }
                UPDATE => {
                    let said = self.said.entry(key).or_default();
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
        forgotten
    }
}
