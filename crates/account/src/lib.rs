//! From traffic to accounts: who it belongs to, where it is counted, over which civil period, and whether the
//! sums close.
//!
//! [`tenant`] says whose networks are whose, down to a [`block`] of ports; [`attribution`] puts every flow record into exactly one place of
//! the trial balance; [`usage`] adds up what the store's bins say; [`balance`] shows that every octet lies in
//! one place, and [`completeness`] what is missing; a [`group`] holds tenants together; a [`class`] says what the other end makes of traffic; [`period`] and [`span`] say over which time, in a civil
//! [`zone`]; a [`tariff`] says what that costs, in exact [`money`] and [`percentile`]s; a [`statement`] holds all of it
//! for one tenant. What several have through one address is [`shared`] out, a [`split`] shares an uplink's bill out, and a [`quota`] says when enough was used. Rendering, files and clocks are the program's.
//!
//! # Architecture invariants
//! * Everything here is integers with checked arithmetic (`clippy::arithmetic_side_effects` is denied): a sum
//!   that does not fit is an error, never a wrap. There is no float.
//! * No I/O and no clock: time zones come from the database compiled into the program, "now" is an argument.
//!   The same data and the same arguments give the same figures on every machine.
//! * Parts sum to the whole, or a constructor refuses ([`statement::Statement::new`]).

#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod attribution;
pub mod balance;
pub mod block;
pub mod class;
pub mod completeness;
mod conflict;
mod dated;
mod front;
pub mod gap;
pub mod group;
mod lookup;
pub mod money;
pub mod network;
mod owner;
pub mod percentile;
pub mod period;
pub mod port;
pub mod prefix;
pub mod quota;
pub mod shared;
pub mod span;
pub mod split;
pub mod statement;
pub mod sums;
pub mod tariff;
pub mod tenant;
pub mod usage;
pub mod zone;

pub use attribution::{Attribution, Count};
pub use balance::Balance;
pub use block::Block;
pub use class::Classes;
pub use completeness::Completeness;
pub use gap::Gap;
pub use group::Group;
pub use network::Network;
pub use period::Period;
pub use port::{Attachment, Port};
pub use prefix::Prefix;
pub use shared::Pool;
pub use span::Span;
pub use statement::{Statement, StatementError, Unit};
pub use sums::{Overflow, Sums};
pub use tenant::{Tenant, Tenants};
pub use usage::{Usage, UsageError};
pub use zone::Zone;
