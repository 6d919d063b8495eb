//! Sets of nftables, through its own program: `nft -j` speaks JSON both ways (libnftables-json(5)).
//!
//! Three commands are all that is needed: add an element, delete an element, list a set. The `nftables` crate has types
//! for every statement there is, with a schema generator among its dependencies, and runs the same program without a
//! limit of time; for three commands `serde_json` says it shorter.

use super::{Listing, child, range};
use serde_json::{Value as Json, json};
use std::path::Path;
use weir_account::Prefix;
use weir_flow::Addr;

/// What the administrator's path is searched for.
const PROGRAM: &str = "nft";
/// Where else it is, for a daemon whose path has no `sbin`.
const PLACES: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"];

/// What is in a set.
///
/// # Errors
/// nft cannot be run, there is no such set, or its answer is not understood.
pub(super) fn list(set: &str) -> Result<Listing, String> {
    let mut program = vec![program(), "-j".to_owned(), "list".to_owned(), "set".to_owned()];
    program.extend(set.split(' ').map(str::to_owned));
    let answer = child::run(&program, b"", child::NFT_WITHIN)?;
    let answer =
        serde_json::from_slice(&answer).map_err(|error| format!("nft does not answer in JSON: {error}"))?;
    parse(&answer).ok_or_else(|| format!("the set {set} holds what is no address or network"))
}

/// Adds an element to a set (`add`), or deletes it (`delete`).
///
/// # Errors
/// What nft says.
pub(super) fn change(command: &str, set: &str, element: Prefix) -> Result<(), String> {
    let input = request(command, set, element).to_string();
    let program = [program(), "-j".to_owned(), "-f".to_owned(), "-".to_owned()];
    child::run(&program, input.as_bytes(), child::NFT_WITHIN).map(|_| ())
}

fn program() -> String {
    let there = PLACES.into_iter().find(|place| Path::new(place).is_file());
    there.unwrap_or(PROGRAM).to_owned()
}

/// Whether it is on this machine.
pub(super) fn is_here() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    PLACES.into_iter().any(|place| Path::new(place).is_file())
        || std::env::split_paths(&path).any(|folder| folder.join(PROGRAM).is_file())
}

fn request(command: &str, set: &str, element: Prefix) -> Json {
    let mut words = set.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (family, table, name) = (word(), word(), word());
    let whole = if element.is_v4() { 32 } else { 128 };
    let address = element.first().to_string();
    let element = match element.length() {
        length if length == whole => json!(address),
        length => json!({"prefix": {"addr": address, "len": length}}),
    };
    json!({"nftables": [
        {command: {"element": {"family": family, "table": table, "name": name, "elem": [element]}}}
    ]})
}

/// The elements of the set in an answer.
fn parse(answer: &Json) -> Option<Listing> {
    let set = answer.get("nftables")?.as_array()?.iter().find_map(|item| item.get("set"))?;
    let elements = set.get("elem").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let ranges = elements.iter().map(element).collect::<Option<Vec<_>>>()?;
    let is_merging = set.get("auto-merge").and_then(Json::as_bool).unwrap_or_default();
    Some(Listing { ranges, is_merging })
}

/// An address, a prefix, a range, or one of these with a counter or a time-out around it.
fn element(element: &Json) -> Option<(u128, u128)> {
    let address = |value: &Json| value.as_str()?.parse::<Addr>().ok();
    if let Some(address) = address(element) {
        return Some(range(Prefix::host(address)));
    }
    if let Some(prefix) = element.get("prefix") {
        let length = prefix.get("len")?.as_u64()?;
        return Some(range(Prefix::containing(address(prefix.get("addr")?)?, u8::try_from(length).ok()?)?));
    }
    if let Some([first, last]) = element.get("range").and_then(Json::as_array).map(Vec::as_slice) {
        return Some((address(first)?.bits(), address(last)?.bits()));
    }
    self::element(element.get("elem")?.get("val")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nft 1.0.6 prints a set of `flags interval, timeout; counter; auto-merge`.
    #[test]
    fn a_listing_is_understood() {
        let answer = json!({"nftables": [
            {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
            {"set": {"family": "inet", "name": "blocked", "table": "weir", "type": "ipv4_addr", "handle": 2,
                "flags": ["interval"], "auto-merge": true, "elem": [
                "10.0.0.1",
                {"prefix": {"addr": "10.0.1.0", "len": 24}},
                {"range": ["10.0.2.1", "10.0.2.3"]},
                {"elem": {"val": "10.0.3.1", "counter": {"packets": 0, "bytes": 0}}},
                {"elem": {"val": {"prefix": {"addr": "10.0.4.0", "len": 31}}, "timeout": 60, "expires": 59}},
            ]}}
        ]});
        let listing = parse(&answer).unwrap();
        let bits = |text: &str| text.parse::<Addr>().unwrap().bits();
        let expected = [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.1.0", "10.0.1.255"),
            ("10.0.2.1", "10.0.2.3"),
            ("10.0.3.1", "10.0.3.1"),
            ("10.0.4.0", "10.0.4.1"),
        ];
        assert_eq!(listing.ranges, expected.map(|(first, last)| (bits(first), bits(last))));
        assert!(listing.is_merging);
        let empty = json!({"nftables": [{"set": {"family": "inet", "name": "b", "table": "w", "type": "ipv6_addr"}}]});
        assert_eq!(parse(&empty), Some(Listing::default()));
        // Ports are no addresses; nothing is guessed.
        assert_eq!(parse(&json!({"nftables": [{"set": {"elem": [80]}}]})), None);
    }

    #[test]
    fn a_request_names_the_set_and_the_element() {
        let host = request("add", "inet weir blocked", "10.0.0.1".parse().unwrap());
        assert_eq!(
            host.to_string(),
            r#"{"nftables":[{"add":{"element":{"family":"inet","table":"weir","name":"blocked","elem":["10.0.0.1"]}}}]}"#
        );
        let network = request("delete", "ip6 a b", "2001:db8::/64".parse().unwrap());
        let element = &network["nftables"][0]["delete"]["element"]["elem"][0];
        assert_eq!(*element, json!({"prefix": {"addr": "2001:db8::", "len": 64}}));
    }
}
