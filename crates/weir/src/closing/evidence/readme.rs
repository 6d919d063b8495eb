//! The page that says what the folder is, to somebody who never heard of weir.

use super::{Order, Pack};
use crate::closing::figure::WAYS;
use crate::report::number::grouped;
use std::fmt::Write;

/// The page. Its commands are run by a test.
pub(super) fn text(order: &Order<'_>, pack: &Pack) -> String {
    let (tenant, period) = (order.tenant, order.period);
    let mut out = format!(
        "# Traffic of {tenant}, {period}\n\nFrom {} to {} ({}). {}\n\n",
        period.from(),
        period.to(),
        period.zone().name(),
        pack.statement
    );
    out.push_str(
        "| file | is |\n|---|---|\n\
         | `statement.*` | what the tenant was told: `.json` is the document, the others are made from it |\n\
         | `accounts.parquet`, `.csv` | octets, packets and flows in stretches of five minutes, by way, host and exporter; `begin` in UTC (in CSV: ms since 1970) |\n\
         | `flows.parquet`, `.csv` | the flow records that the accounts were made from, as the exporters said them |\n\
         | `SHA256SUMS` | the digests of these files |\n",
    );
    if pack.shares.is_some() {
        out.push_str(
            "| `shares.csv` | what of shared addresses was the tenant's share, in the same stretches, with what there was in all (`whole_…`) |\n",
        );
    }
    out.push('\n');
    if order.is_masked {
        out.push_str(
            "Addresses that are not the tenant's are cut to their networks (/24 of IPv4, /48 of IPv6). What else may say who the \
             peer is, is left out: its MAC address; next hops, user and application; and of another tenant the name, the interface, \
             the VLAN and the routing table. No figure depends on them.\n\n",
        );
    }
    out.push_str(
        "## To check it\n\nThe files are those that were made:\n\n```sh\nsha256sum -c SHA256SUMS\n```\n\n\
         What the accounts add up to (any reader of Parquet does; this is DuckDB):\n\n\
         ```sql\nSELECT way, sum(octets), sum(packets), sum(flows) FROM 'accounts.parquet' GROUP BY way;\n```\n\n",
    );
    table(&mut out, &pack.accounts);
    if let Some(shares) = &pack.shares {
        out.push_str(
            "\nand with them its shares of shared addresses, which `shares.csv` adds up to. The records of those addresses are \
             nobody's in particular, and not here:\n\n",
        );
        table(&mut out, shares);
    }
    out.push_str(&stated(pack));
    out.push_str(
        "\n`in` is from the outside, `out` to the outside, `local` between tenants. `octets` are those of IP, headers of layer 3 and \
         up: what was measured (`measured_octets`) times the sampling interval (`sampling_interval`, 1 in N).\n\n\
         The accounts are sums of the records. A record whose flow reaches over an end of the period counts with the part \
         inside, spread evenly over its time.",
    );
    let _ = writeln!(
        out,
        " Of the {} records here, {} do. The others:\n\n```sql",
        grouped(pack.records),
        grouped(pack.crossing)
    );
    out.push_str(&flows(order));
    out.push_str("```\n\n");
    table(&mut out, &pack.inside);
    if pack.crossing == 0 && pack.flows_before.is_none() && pack.accounts_before.is_none() {
        out.push_str("\nNo record reaches over an end of the period, so both tables are the same.\n");
    }
    out.push_str(&gone(order, pack));
    out
}

/// What the statement says of the same.
fn stated(pack: &Pack) -> String {
    let Some(stated) = &pack.stated else {
        return "\nThat is what the statement says, to the octet.\n".to_owned();
    };
    let mut sums = pack.accounts;
    for (sum, share) in sums.as_flattened_mut().iter_mut().zip(pack.shares.iter().flatten().flatten()) {
        *sum += share;
    }
    let is_same = |(sum, stated): (&u128, &i128)| i128::try_from(*sum) == Ok(*stated);
    if sums.as_flattened().iter().zip(stated.as_flattened()).all(is_same) {
        return "\nThat is what the closed statement says, to the octet.\n".to_owned();
    }
    let mut out = "\nThe statement was closed with other figures. What came, or was learned, after that is in the accounts here; it is no part \
                   of the closed statement, but of an adjustment on a later one. What was closed:\n\n"
        .to_owned();
    table(&mut out, stated);
    out
}

/// What of the period is not here any more.
fn gone(order: &Order<'_>, pack: &Pack) -> String {
    let zone = order.period.zone();
    let mut out = String::new();
    // Writing into a string does not fail.
    if let Some(before) = pack.flows_before {
        let before = zone.rfc3339(before);
        let _ = write!(
            out,
            "\nThe records of flows that ended before {before} were given up to make room, and are not here: of the time before, only the \
             accounts stand, and nobody can compute them again. So the records add up to less than the accounts.\n"
        );
    }
    if let Some(before) = pack.accounts_before {
        let before = zone.rfc3339(before);
        let _ = write!(
            out,
            "\nThe accounts of before {before} were given up to make room, and are not here: those that are here are less than the whole \
             period's.\n"
        );
    }
    out
}

/// The records wholly inside, added up as accounts are.
fn flows(order: &Order<'_>) -> String {
    let name = format!("'{}'", order.tenant.replace('\'', "''"));
    let (from_ms, to_ms) = (order.period.from_ms(), order.period.to_ms());
    let way =
        |way: &str, is: &str| format!("  SELECT '{way}' AS way, octets, packets FROM inside WHERE {is}\n");
    let ways = [
        way("in", &format!("direction = 'in' AND tenant = {name}")),
        way("out", &format!("direction = 'out' AND tenant = {name}")),
        way("local_in", &format!("direction = 'local' AND peer_tenant = {name}")),
        way("local_out", &format!("direction = 'local' AND tenant = {name}")),
    ];
    format!(
        "WITH inside AS (\n  SELECT * FROM 'flows.parquet' WHERE epoch_ms(\"start\") >= {from_ms}\n  \
         AND epoch_ms(\"start\") < {to_ms} AND epoch_ms(\"end\") <= {to_ms}\n), ways AS (\n{}) SELECT way, \
         sum(coalesce(octets, 0)), sum(coalesce(packets, 0)), count(*) FROM ways GROUP BY way;\n",
        ways.join("  UNION ALL\n")
    )
}

fn table(out: &mut String, ways: &[[impl std::fmt::Display; 3]; 4]) {
    out.push_str("| way | octets | packets | flows |\n|---|--:|--:|--:|\n");
    for (way, [octets, packets, flows]) in WAYS.iter().zip(ways) {
        // Writing into a string does not fail.
        let _ = writeln!(out, "| {way} | {octets} | {packets} | {flows} |");
    }
}
