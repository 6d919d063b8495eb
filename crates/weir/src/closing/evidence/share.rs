//! The tenant's shares of shared addresses: each five minutes with what there was in all, so that anybody can share it out again.

use super::{Order, Pack, range};
use crate::closing::figure::WAYS;
use crate::closing::kept;
use crate::config::Config;
use crate::exit::{self, Outcome};
use crate::report::sheet::{Head, Kind, Sheet, Value};
use std::fs;
use weir_account::shared::Part;
use weir_account::usage::Kind as Way;
use weir_account::{Overflow, Pool, Sums};
use weir_store::Snapshot;

/// Writes the file, if there is a share in anything.
///
/// # Errors
/// The store or the rule that a period was closed with cannot be read, or the file cannot be written.
pub(super) fn write(config: &Config, snapshot: &Snapshot, order: &Order<'_>, pack: &mut Pack) -> Outcome {
    // By the rule that the statement was made with.
    let closed = kept::kept(config, order.tenant, order.period)?;
    let closed = closed.map(|paper| paper.configuration()).transpose()?;
    let mut pool = Pool::behind(&closed.as_ref().unwrap_or(config).tenants, &[order.tenant]);
    let shared: Vec<String> = pool.names().map(str::to_owned).collect();
    if shared.is_empty() {
        return Ok(());
    }
    let shared: Vec<&str> = shared.iter().map(String::as_str).collect();
    let mut result = Ok(());
    snapshot.tenants_of(range(order.period), &shared, |row| {
        let (Some(name), Some(kind)) = (row.tenant, Way::by_name(row.kind.word())) else { return };
        if result.is_ok() && kind.has_tenant() {
            let sums = Sums::new(row.counts.octets, row.counts.packets, row.counts.flows);
            result = pool.take(name, kind, row.class, row.bin, sums).map(drop);
        }
    })?;
    result?;
    let texts = ["way", "class", "shared"].map(|name| Head::new(name, Kind::Text));
    let figures = ["octets", "packets", "flows", "whole_octets", "whole_packets", "whole_flows"];
    let mut heads = vec![Head::new("begin", Kind::Time)];
    heads.extend(texts);
    heads.extend(figures.map(|name| Head::new(name, Kind::Unsigned)));
    let (mut sheet, mut all) = (Sheet { heads, rows: Vec::new() }, [[0u128; 3]; 4]);
    pool.share_out(|part| {
        if part.tenant == order.tenant && part.shared != order.tenant {
            sheet.rows.push(line(&part));
            let at = WAYS.iter().position(|way| *way == part.kind.name());
            let figures = [part.sums.octets, part.sums.packets, part.sums.flows].map(u128::from);
            if let Some(sums) = at.and_then(|at| all.get_mut(at)) {
                sums.iter_mut().zip(figures).for_each(|(sum, more)| *sum += more);
            }
        }
        Ok::<(), Overflow>(())
    })?;
    if sheet.rows.is_empty() {
        return Ok(());
    }
    pack.shares = Some(all);
    let path = order.out.join("shares.csv");
    fs::write(&path, sheet.csv()).map_err(|error| exit::io("cannot write", &path, &error))
}

fn line(part: &Part<'_>) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    let figures =
        [part.sums, part.whole].into_iter().flat_map(|sums| [sums.octets, sums.packets, sums.flows]);
    let class = part.class.map_or(Value::Null, text);
    let labels = [Value::Time(part.start_ms), text(part.kind.name()), class, text(part.shared)];
    labels.into_iter().chain(figures.map(|n| Value::Unsigned(n.into()))).collect()
}
