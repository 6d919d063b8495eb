//! SQL over what the store has committed, and over its journal: the same rows that `weir top` counts.
//!
//! DataFusion parses, plans and joins; reading is the store's own. A `session` has the tables of one store, as it is when
//! the question is asked (`source`), under the names and columns of `docs/columns.md`, read-only, with a stated amount
//! of memory beyond which it spills. [`run()`] answers one question; [`server`] answers everybody's.
//!
//! * `table`: the tables. `flows` leaves unread what statistics exclude (`prune`, `address`); accounts and counts come as
//!   the store adds them up.
//! * `column`: what a column of the store is in SQL. An address is sixteen octets (IPv4 mapped), so that one column
//!   holds both families in one order; as text it is what people write.
//! * `function`: `net`, `in_net`, `ip`, `addr`, `mac`, `service`, `host_name`, `tenant`; `sum`: sums that are exact.
//! * `syntax`: what only PostgreSQL's syntax has; `rewrite`: what makes `src_addr = '10.0.0.1'` a comparison of addresses.
//! * `guard`: what may be asked: questions only; `growth`: what functions may make of it at once; `held`: what window functions
//!   keep.
//! * `zone`: whose days and hours times are cut to.
//! * `cell`: answers as people read them; `ipc`: as Arrow's readers do, which other answers may go as, too ([`Encoder`]).
//! * `job`: threads that compute, apart from those that wait; `stop`: how a question ends before its end.
//! * `server`: the same over PostgreSQL's protocol, for psql, Grafana and everything else that speaks it.
//!
//! The crate is empty without its feature `engine`: an SQL engine is many minutes of build.

#![forbid(unsafe_code)]
#![cfg(feature = "engine")]

mod cell;
mod column;
mod error;
mod function;
mod growth;
mod guard;
mod held;
mod ipc;
mod job;
mod lookup;
mod meter;
mod rewrite;
mod run;
pub mod server;
mod session;
mod source;
mod stop;
mod sum;
mod syntax;
mod table;
mod zone;

pub use cell::{Cell, Class};
pub use error::{Error, Reason};
pub use ipc::{Encoder, Values};
pub use lookup::Lookup;
pub use meter::Reading;
pub use run::{Taker, run, run_encoded};
pub use session::{Head, Limits};
pub use source::Source;
pub use stop::Stop;
