//! The trial balance: every octet in exactly one place, and the difference, which must be 0.

use super::number::grouped;
use super::table::{Align, Columns};
use serde_json::{Value as Json, json};
use weir_account::balance::{Balance, Lines};
use weir_account::sums::Sums;

/// Octets, packets and flows.
pub(crate) fn sums(sums: Sums) -> Json {
    json!({ "octets": sums.octets, "packets": sums.packets, "flows": sums.flows })
}

/// A sum that may be negative, as an integer.
fn signed(n: i128) -> Json {
    i64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n))
}

/// The balance as JSON. `difference` is that of octets; of packets and flows it stands beside it.
pub(crate) fn document(balance: &Balance, exporter: &dyn Fn(weir_flow::Addr) -> String) -> Json {
    let mut document = lines(&balance.total);
    if let Some(map) = document.as_object_mut() {
        let reasons = balance.discarded.iter().map(|(reason, s)| (reason.clone(), sums(*s)));
        if !balance.discarded.is_empty() {
            map.insert("discarded_by_reason".to_owned(), Json::Object(reasons.collect()));
        }
        let exporters = balance.exporters.iter().map(|(addr, l)| {
            let mut one = lines(l);
            if let Some(map) = one.as_object_mut() {
                map.shift_insert(0, "exporter".to_owned(), json!(addr.to_string()));
                map.shift_insert(1, "name".to_owned(), json!(exporter(*addr)));
            }
            one
        });
        map.insert("exporters".to_owned(), exporters.collect());
    }
    document
}

fn lines(lines: &Lines) -> Json {
    json!({
        "decoded": sums(lines.decoded),
        "tenant_in": sums(lines.tenant_in),
        "tenant_out": sums(lines.tenant_out),
        "local": sums(lines.local),
        "transit": sums(lines.transit),
        "unmatched": sums(lines.unmatched),
        "duplicate": sums(lines.duplicate),
        "discarded": sums(lines.discarded),
        "difference": signed(lines.difference.octets),
        "difference_packets": signed(lines.difference.packets),
        "difference_flows": signed(lines.difference.flows),
    })
}

/// The balance for people, in exact octets.
pub(crate) fn table(balance: &Balance) -> String {
    let total = &balance.total;
    let right = Align::Right;
    let mut out =
        Columns::new([("balance", Align::Left), ("octets", right), ("packets", right), ("flows", right)]);
    let mut line = |name: &str, s: Sums| {
        out.row([name.to_owned(), grouped(s.octets), grouped(s.packets), grouped(s.flows)]);
    };
    line("  tenants, in", total.tenant_in);
    line("  tenants, out", total.tenant_out);
    line("  local", total.local);
    line("  transit", total.transit);
    line("  unmatched", total.unmatched);
    line("  duplicate", total.duplicate);
    line("  discarded", total.discarded);
    out.rule();
    out.row([
        "decoded".to_owned(),
        grouped(total.decoded.octets),
        grouped(total.decoded.packets),
        grouped(total.decoded.flows),
    ]);
    let difference = total.difference;
    out.row([
        "difference".to_owned(),
        difference.octets.to_string(),
        difference.packets.to_string(),
        difference.flows.to_string(),
    ]);
    let mut text = out.render();
    if !balance.is_closed() {
        text.push_str(
            "THE BALANCE DOES NOT CLOSE: do not bill on these figures; run `weir verify` and report this.\n",
        );
    }
    text
}
