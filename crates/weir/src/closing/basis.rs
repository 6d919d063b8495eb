//! What closed statements were made from: written down beside them, so that they can be made again.

use super::recount::{Recount, Span};
use crate::config::{self, Config};
use crate::exit::{Failure, Outcome};
use serde_json::{Value as Json, json};
use weir_books::digest;
use weir_store::{Committed, Holds, Snapshot};

/// Tables of the configuration that figures depend on. All others are about the machine, about who is told what and how, or about what
/// is done when somebody used too much: no figure depends on them, and some hold secrets, which do not belong into books.
const KEPT: [&str; 7] = ["exporter", "tenant", "shared", "class", "tariff", "accounting", "billing"];

/// Keys of a tenant that no figure depends on: which groups it is in, where its letters go, in which language and unit it reads.
const OF_TENANT: [&str; 4] = ["group", "mail", "language", "unit"];

/// What of the configuration statements rest on, as TOML that is read back to the same.
///
/// # Errors
/// It cannot be written, which is a defect.
pub(crate) fn configuration(config: &Config) -> Outcome<String> {
    let defect =
        |error: &dyn std::fmt::Display| Failure::new(format!("the configuration cannot be kept: {error}"));
    let mut table: toml::Table = config.dump().parse().map_err(|error: toml::de::Error| defect(&error))?;
    table.retain(|name, _| KEPT.contains(&name));
    let tenants = table.get_mut("tenant").and_then(toml::Value::as_array_mut);
    for tenant in tenants.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
        OF_TENANT.iter().for_each(|key| drop(tenant.remove(*key)));
    }
    toml::to_string(&table).map_err(|error| defect(&error))
}

/// The configuration that was kept.
///
/// # Errors
/// It is no longer understood.
pub(crate) fn kept_configuration(text: &str, period: &str) -> Outcome<Config> {
    config::read_kept(text).map_err(|mistakes| {
        let first = mistakes.first().map(|mistake| format!(": {}", mistake.message)).unwrap_or_default();
        Failure::new(format!(
            "the configuration that {period} was closed with is not understood by this weir{first}"
        ))
    })
}

/// What it was made from: the program's reading of the store at that instant.
pub(crate) fn made_from(snapshot: &Snapshot, span: &Span, recount: &Recount, configuration: &str) -> Json {
    let sources = snapshot.committed(&span.range());
    let records = sources.iter().filter_map(|source| match source.holds {
        Holds::Records(totals) => Some(totals),
        Holds::Accounts(_) | Holds::Counts(_) => None,
    });
    let mut totals = weir_store::Totals::default();
    records.for_each(|one| totals += one);
    let [octets, packets, flows] = recount.decoded.map(|sum| sum.to_string());
    json!({
        "configuration_sha256": digest::hex(&digest::of(configuration.as_bytes())),
        "decoded": { "octets": octets, "packets": packets, "flows": flows },
        "files": files(&sources),
        // Of whole files, which may reach over the period's ends.
        "records_in_files": totals,
        "records_in_journal": snapshot.journaled(&span.range()),
    })
}

/// Files, as JSON.
pub(crate) fn files(sources: &[Committed]) -> Json {
    sources.iter().map(file).collect()
}

fn file(source: &Committed) -> Json {
    let Committed { name, bytes, crc32c, holds } = source;
    let (holds, rows) = match holds {
        Holds::Records(totals) => ("records", json!(totals)),
        Holds::Accounts(rows) => ("accounts", json!({ "rows": rows })),
        Holds::Counts(rows) => ("counts", json!({ "rows": rows })),
    };
    json!({ "name": name, "bytes": bytes, "crc32c": format!("{crc32c:08x}"), "holds": holds, "sums": rows })
}

/// Whether the store's files of a span are those that a closing was made from, with nothing beside them: then nothing
/// can have changed.
pub(crate) fn is_unchanged(snapshot: &Snapshot, span: &Span, made_from: &Json) -> bool {
    let range = span.range();
    made_from.get("records_in_journal") == Some(&json!(0))
        && snapshot.journaled(&range) == 0
        && made_from.get("files") == Some(&files(&snapshot.committed(&range)))
}

/// The first file that is still there by its name, and is not what it was: files are written once.
pub(crate) fn changed_file(
    snapshot: &Snapshot,
    span: &Span,
    made_from: &Json,
) -> Option<(String, String, String)> {
    let now: Vec<Json> = snapshot.committed(&span.range()).iter().map(file).collect();
    let named = |json: &Json| json.get("name").and_then(Json::as_str).map(str::to_owned);
    let then = made_from.get("files").and_then(Json::as_array)?;
    then.iter().find_map(|then| {
        let name = named(then)?;
        let now = now.iter().find(|file| named(file).as_ref() == Some(&name))?;
        (now != then).then(|| (name, then.to_string(), now.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_configuration_has_no_secrets_and_is_read_back() {
        let text = "[store]\npath = \"somewhere\"\ndisk = \"5 GB\"\n\n[[exporter]]\nname = \"core\"\naddress = \
                    \"192.0.2.1\"\nsampling = 100\ncount = [31, 32]\n\n[[tenant]]\nname = \"acme\"\nnetworks = \
                    [\"10.0.0.0/24\"]\ntariff = \"gold\"\n\n[[tariff]]\nname = \"gold\"\ncurrency = \
                    \"EUR\"\n\n[[tariff.rule]]\nname = \"line\"\nflat = \"25.00\"\n\n[billing]\nzone = \
                    \"Europe/Berlin\"\nday = 15\n";
        let config = config::read(text).unwrap();
        let kept = configuration(&config).unwrap();
        for absent in ["somewhere", "5 GB", "5000000000", "[store]", "[collect]", "listen"] {
            assert!(!kept.contains(absent), "{absent} in {kept}");
        }
        let back = kept_configuration(&kept, "2026-10").unwrap();
        assert_eq!(configuration(&back).unwrap(), kept);
        assert_eq!((back.tariffs, back.exporters, back.day), (config.tariffs, config.exporters, 15));
        assert_eq!(back.tenants.get("acme").unwrap().tariff.as_deref(), Some("gold"));
        assert_eq!(back.zone.name(), "Europe/Berlin");
        // Groups change nothing that stands: what is kept is the same to the octet with and without them.
        let grouped = text.replace(
            "tariff = \"gold\"\n\n[[tariff]]",
            "tariff = \"gold\"\ngroup = \"campus/north\"\n\n[[group]]\nname = \"campus\"\n\n[[tariff]]",
        );
        assert_ne!(grouped, text);
        assert_eq!(configuration(&config::read(&grouped).unwrap()).unwrap(), kept);
    }

    /// Whoever adds a table to the configuration says here whether a figure can depend on it.
    const LEFT_OUT: [&str; 17] = [
        "store",
        "cache",
        "rollup",
        "listen",
        "collect",
        "limits",
        "web",
        "names",
        "sql",
        "relay",
        "group",
        // No statement has anything of a provider's bill.
        "uplink",
        "quota",
        "quotas",
        "statement",
        "mail",
        "schedule",
    ];

    #[test]
    fn what_is_about_the_machine_is_left_out() {
        let mut known: Vec<&str> = KEPT.into_iter().chain(LEFT_OUT).collect();
        let mut tables = config::TABLES.to_vec();
        known.sort_unstable();
        tables.sort_unstable();
        assert_eq!(known, tables, "each table is in one of the two lists, and in one only");
        // With something of each, as far as it can be had without files.
        let text = "[cache]\nsize = \"1 GB\"\n\n[limits]\nmemory = \"300 MB\"\n\n[statement]\ntitle = \"Paper\"\n\n\
                    [[tenant]]\nname = \"acme\"\nnetworks = [\"10.0.0.0/24\"]\nmail = [\"a@example.org\"]\nlanguage = \
                    \"ru\"\nunit = 1024\n\n[[quota]]\nname = \"fair\"\ncycle = \"month\"\nlimit = \"1 TB\"\n";
        let config = config::read(text).unwrap();
        let kept: toml::Table = configuration(&config).unwrap().parse().unwrap();
        let dumped: toml::Table = config.dump().parse().unwrap();
        for name in ["cache", "limits", "statement", "quota", "quotas"] {
            assert!(dumped.contains_key(name), "{name}");
        }
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["accounting", "billing", "tenant"]);
        let tenant = kept["tenant"][0].as_table().unwrap();
        assert_eq!(tenant.keys().collect::<Vec<_>>(), ["name", "networks"]);
    }
}
