//! What the program does to the world when a quota was passed. Everything else about quotas decides; only this acts.

mod child;
mod nft;
mod webhook;

use serde_json::Value as Json;
use weir_account::Prefix;

/// The world, so that tests can have another.
pub(super) trait Hands {
    /// What is in a set of nftables: `family table name`.
    fn list(&mut self, set: &str) -> Result<Listing, String>;
    /// Adds an element to it.
    fn add(&mut self, set: &str, element: Prefix) -> Result<(), String>;
    /// Takes one out of it.
    fn remove(&mut self, set: &str, element: Prefix) -> Result<(), String>;
    /// Calls an address over HTTP with a document.
    fn call(&mut self, url: &str, body: &Json) -> Result<(), String>;
    /// Runs a program, without a shell.
    fn run(&mut self, program: &[String]) -> Result<(), String>;
}

/// This machine.
#[derive(Debug, Default)]
pub(super) struct Machine;

impl Hands for Machine {
    fn list(&mut self, set: &str) -> Result<Listing, String> {
        nft::list(set)
    }

    fn add(&mut self, set: &str, element: Prefix) -> Result<(), String> {
        nft::change("add", set, element)
    }

    fn remove(&mut self, set: &str, element: Prefix) -> Result<(), String> {
        nft::change("delete", set, element)
    }

    fn call(&mut self, url: &str, body: &Json) -> Result<(), String> {
        webhook::post(url, body)
    }

    fn run(&mut self, program: &[String]) -> Result<(), String> {
        child::run(program, b"", child::PROGRAM_WITHIN).map(|_| ())
    }
}

/// Whether sets of nftables can be changed here.
pub(super) fn has_nft() -> bool {
    nft::is_here()
}

/// What a set holds: ranges of addresses, first and last, in the numbers of [`weir_flow::Addr::bits`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) ranges: Vec<(u128, u128)>,
    /// Whether the kernel makes one range of those that touch.
    pub(super) is_merging: bool,
}

/// First and last address of a network.
pub(super) fn range(network: Prefix) -> (u128, u128) {
    (network.first().bits(), network.last().bits())
}

impl Listing {
    /// Whether all of a network is in it.
    pub(super) fn covers(&self, network: Prefix) -> bool {
        let (mut from, to) = range(network);
        let mut ranges = self.ranges.clone();
        ranges.sort_unstable();
        for (first, last) in ranges {
            if first > from {
                break;
            }
            if last >= to {
                return true;
            }
            if last >= from {
                from = last.saturating_add(1);
            }
        }
        false
    }

    /// What in it has addresses of a network.
    pub(super) fn touching(&self, network: Prefix) -> impl Iterator<Item = (u128, u128)> {
        let (from, to) = range(network);
        self.ranges.iter().copied().filter(move |(first, last)| *first <= to && *last >= from)
    }

    /// Whether exactly this network is one of its elements.
    pub(super) fn has(&self, network: Prefix) -> bool {
        self.ranges.contains(&range(network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_covered_by_parts_is_covered() {
        let net = |text: &str| text.parse::<Prefix>().unwrap();
        let ranges = ["10.0.0.128/25", "10.0.0.0/25", "10.0.2.0/24"].map(|text| range(net(text))).to_vec();
        let listing = Listing { ranges, is_merging: false };
        for (network, covers, touches, has) in [
            ("10.0.0.0/24", true, true, false),
            ("10.0.0.0/25", true, true, true),
            ("10.0.0.7/32", true, true, false),
            ("10.0.0.0/22", false, true, false),
            ("10.0.1.0/24", false, false, false),
            ("10.0.2.0/23", false, true, false),
        ] {
            let network = net(network);
            let is = (listing.covers(network), listing.touching(network).count() > 0, listing.has(network));
            assert_eq!(is, (covers, touches, has), "{network}");
        }
        assert!(!Listing::default().covers(net("10.0.0.1")));
    }
}
