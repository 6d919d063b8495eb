//! The configuration that fits the demonstration's office: for a person to read, and for weir to account by.

use super::export::PLATES;
use super::office::TENANTS;
use std::fmt::Write as _;

/// The text of a `weir.toml` for a store in this directory, in a zone by its IANA name.
pub(crate) fn config_toml(store: &str, zone: &str) -> String {
    let mut text = String::from("# The office of `weir demo`: a building with seven tenants.\n\n");
    // Writing to a String cannot fail.
    let _ = write!(text, "[store]\npath = {}\n\n[[listen]]\nudp = \"[::]:2055\"\n", quoted(store));
    for plate in &PLATES {
        let (name, address) = (quoted(plate.name), quoted(&plate.address.to_string()));
        let _ = write!(text, "\n# {}\n[[exporter]]\nname = {name}\naddress = {address}\n", plate.what);
    }
    for tenant in &TENANTS {
        let networks = tenant.networks().map(|network| quoted(&network)).join(", ");
        let (name, mail) = (quoted(tenant.name), quoted(&tenant.mail()));
        let _ = write!(text, "\n# {}\n[[tenant]]\nname = {name}\n", tenant.business);
        let _ = write!(text, "networks = [{networks}]\nmail = [{mail}]\n");
    }
    let _ = write!(text, "\n[billing]\nzone = {}\nday = 1\nunit = 1000\n", quoted(zone));
    text
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_all_and_quotes() {
        let text = config_toml("/srv/a \"b\"\\c\n", "Europe/Berlin");
        assert!(text.contains("path = \"/srv/a \\\"b\\\"\\\\c\\u000A\"\n"), "{text}");
        assert_eq!(text.matches("[[exporter]]").count(), 3);
        assert_eq!(text.matches("[[tenant]]").count(), 7);
        assert!(
            text.contains("name = \"mori-travel\"\nnetworks = [\"192.168.34.0/24\", \"2001:db8:34::/64\"]\n")
        );
        assert!(text.contains("name = \"dmz\"\naddress = \"192.168.255.2\"\n"));
        assert!(text.ends_with("[billing]\nzone = \"Europe/Berlin\"\nday = 1\nunit = 1000\n"));
    }
}
