//! The program from outside, as a person or a script meets it: what is typed, what comes back, what lies in the
//! store. Nothing here looks inside; every expected figure comes from somewhere else than weir.
//!
//! | module | asks |
//! |---|---|
//! | `import` | a million generated flows of each protocol: is every tenant's figure the generator's? |
//! | `archives` | what nfcapd and flow-tools kept: is it what nfdump and flow-export read? |
//! | `captures` | real routers: what independent decoders agree on |
//! | `fixtures` | exporters that we recorded: what the kernel and they themselves counted |
//! | `office` | softflowd exports to `weir run`: to the byte, and what is lost on purpose |
//! | `kept` | answers that are kept and roll-ups: the same figures, of what was not read |
//! | `kill` | `kill -9`, twenty times under load |
//! | `remember` | killed or stopped while sets wait and sampling is unknown |
//! | `name` | addresses by files of names, a name server, and files in MaxMind's format |
//! | `names` | interfaces by the names that exporters say |
//! | `nfdump` | 150 filters, beside nfdump's answers over the same datagrams |
//! | `listen` | ports, protocols, families, and a collector that is held up |
//! | `supervise` | reloads, stops, restarts on sockets that stay, and what a service manager hears |
//! | `stream` | IPFIX over TCP and TLS: framing, certificates, who may speak and how much |
//! | `health` | what a running daemon says of itself over HTTP, and to bad clients |
//! | `packaging` | the units as systemd reads them |
//! | `mail` | statements as mail: to a real server, to servers that fail, once each |
//! | `rate` | what traffic costs, to the cent |
//! | `split` | providers' bills, shared out among those who used their uplinks |
//! | `statement` | what a building's tenants are told of a month, by hand |
//! | `class` | what the other end makes of traffic: by class, from the datagram to the bill |
//! | `group` | groups of tenants: their sums, their papers, what they may use |
//! | `closing` | statements that stand: closed, adjusted, tampered with, explained, proved |
//! | `retired` | a time whose accounts or records were given up: what is said of it, and not closed |
//! | `reattribute` | whose records are, decided again; rooms that go from one tenant to another |
//! | `alone` | one tenant asked about alone: is it the same as among all? |
//! | `shared` | several behind one address: by their ports, or shared out in proportions |
//! | `quota` | who used too much cannot send, by the kernel's counters |
//! | `relay` | what goes onward: untouched, balanced, from the exporter's address, in another format |
//! | `garbage` | thousands of forged addresses beside an exporter |
//! | `bad_input` | wrong datagrams among good ones |
//! | `check`, `cli` | configurations and command lines, right and wrong |
//! | `exporter_config` | what is printed for an exporter, run by that exporter |
//! | `doctor` | exporters with one thing wrong with each |
//! | `top`, `plot` | groups by all that can be grouped by, what stands beside them, and pictures of them |
//! | `answers`, `demo` | the same figures in every form |
//! | `disk` | a disk that is full, and has room again; damage, and accounts computed again |
//! | `duckdb`, `layout` | the files, read by DuckDB, and by everything in `docs/parquet.md` |
//! | `sql` | questions in SQL, beside DuckDB; psql, Grafana and pandas at a running daemon (feature `sql`) |
//!
//! Beside them: `run` runs the program, `daemon` keeps one running, `netflow` makes datagrams, `flowgen` is the
//! generator, `dice` a seeded source of numbers, `smtp` a mail server that fails as asked.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod alone;
mod answers;
mod archives;
mod bad_input;
mod calendar;
mod capture;
mod captures;
mod check;
mod class;
mod cli;
mod closing;
mod daemon;
mod demo;
mod dice;
mod disk;
mod doctor;
mod duckdb;
mod exporter_config;
mod fixtures;
mod flowgen;
mod garbage;
mod group;
mod health;
mod import;
mod kept;
mod kill;
mod layout;
mod listen;
mod mail;
mod mmdb;
mod name;
mod names;
mod netflow;
mod nfdump;
mod office;
mod owner;
mod packaging;
mod plot;
mod quota;
mod rate;
mod reattribute;
mod relay;
mod remember;
mod retired;
mod run;
mod shared;
mod smtp;
mod split;
#[cfg(feature = "sql")]
mod sql;
mod statement;
mod stream;
mod supervise;
mod top;
