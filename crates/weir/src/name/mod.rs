//! Names of what has numbers: what the words of a filter mean outside of it.
//!
//! A filter may name files, hosts, services and times of the clock; the crate that reads filters reads none of
//! these itself. It is asked for here, on the command line only: never where datagrams come in.

mod forward;
mod service;

pub(crate) use forward::outside;
pub(crate) use service::services;

use weir_account::Zone;
use weir_flow::filter::Offsets;

/// 2200-01-01T00:00:00Z: later than any flow that is asked for by the clock.
const CLOCKS_END_MS: i64 = 7_258_118_400_000;

/// The clocks of a zone, as filters ask them.
pub(crate) fn offsets(zone: &Zone) -> Offsets {
    Offsets::new(zone.offset_ms(0), zone.offset_changes(0..CLOCKS_END_MS))
}
