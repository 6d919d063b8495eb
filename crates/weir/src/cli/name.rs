//! `weir name`: what is known of addresses, besides their numbers.

use super::Common;
use crate::clock::Moment;
use crate::exit::{Failure, Outcome};
use crate::name::Book;
use crate::report;
use clap::Args;
use std::collections::{BTreeSet, HashSet};
use weir_flow::Addr;

/// So many addresses are read from standard input: what a person reads, and a script can come again.
const ADDRESSES_MAX: usize = 1_000_000;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    weir name 192.0.2.7 2001:db8::1\n  \
    weir name 192.0.2.7 -o json\n  \
    weir name --again 192.0.2.7\n  \
    weir top dst_addr -o csv | cut -d, -f1 | weir name -\n  \
    weir top remote --last 1d --names")]
pub(super) struct Arguments {
    /// Addresses; - reads them from standard input, one a line
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    /// Ask the DNS again, whatever it said before
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let form = arguments.common.form.text("name")?;
    let config = arguments.common.config()?;
    let addresses = read(&arguments.addresses)?;
    let mut book = Book::open(&config, Moment::now())?;
    if arguments.again {
        book.doubt(&addresses);
    }
    let known = book.look_up(&addresses, &BTreeSet::new(), Moment::now());
    remark(&book);
    report::print(&report::address::render(&addresses, &known, &config.zone, form))
}

/// Says on standard error what is behind names that are missing.
pub(super) fn remark(book: &Book) {
    for remark in book.remarks() {
        aside!("weir: {remark}");
    }
}

/// The addresses, in their order, each once.
fn read(texts: &[String]) -> Outcome<Vec<Addr>> {
    let mut addresses: Vec<Addr> = Vec::new();
    let mut seen = HashSet::new();
    for text in texts {
        if text == "-" {
            for line in std::io::stdin().lines() {
                let line =
                    line.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
                // What is no address is the head of a table, or an empty line.
                let Ok(address) = line.trim().parse::<Addr>() else { continue };
                if addresses.len() == ADDRESSES_MAX {
                    return Err(Failure::new(format!(
                        "more than {ADDRESSES_MAX} addresses: give fewer at a time"
                    )));
                }
                if seen.insert(address) {
                    addresses.push(address);
                }
            }
            continue;
        }
        let wrong = |_| Failure::usage(format!("\"{text}\" is no address, as 192.0.2.7 or 2001:db8::1"));
        let address = text.parse().map_err(wrong)?;
        if seen.insert(address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
