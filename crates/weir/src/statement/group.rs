//! The paper of a group: its tenants as lines, and their sums. It is no bill of its own: each tenant is billed by its own
//! statement, and what a group comes to is the sum of those. Where the period is closed, it is the sum of what was closed.

use super::summary::{About, Cost};
use super::{Line, Prepared, Summary};
use crate::closing::{Figures, Shelf, adjusted};
use crate::config::quota::Each;
use crate::exit::{Failure, Outcome};
use std::collections::BTreeMap;
use weir_account::usage::{TenantUsage, Used};
use weir_account::{Group, Sums};

impl Prepared {
    /// The paper of a group.
    ///
    /// # Errors
    /// A sum does not fit, or the books cannot be read.
    pub(crate) fn group(&self, group: &Group) -> Outcome<Summary> {
        let is_in = |tenant: &str| self.group_of(tenant).is_some_and(|own| group.encloses(own));
        let (lines, is_closed) = self.lines(is_in)?;
        let subtotals = Summary::add_up(&lines)?;
        let title = self.config.group(group).and_then(|entry| entry.title.clone());
        let about = About {
            group: group.clone(),
            title: title.unwrap_or_else(|| group.path().to_owned()),
            // A group's quota follows the calendar of [billing].
            quotas: self.quota_uses(&subtotals.whole().sum.usage, |quota| {
                quota.each == Each::Group
                    && quota.groups.contains(group)
                    && self.config.is_sites(&self.period)
            })?,
        };
        let summary = self.summed((lines, is_closed), subtotals);
        Ok(Summary { of: Some(about), style: self.config.group_style(group), ..summary })
    }

    /// What these tenants used and pay: as it was closed, if the period is; and whether it is.
    ///
    /// # Errors
    /// The books cannot be read.
    pub(super) fn lines(&self, is_asked: impl Fn(&str) -> bool) -> Outcome<(Vec<Line>, bool)> {
        let shelf = Shelf::of(&self.config, &self.period)?;
        let mut lines = BTreeMap::new();
        for (tenant, usage) in self.everybody().filter(|(tenant, _)| is_asked(tenant)) {
            // Who had no statement when the period was closed has what the accounts say.
            lines.insert(tenant.to_owned(), self.line(tenant, usage));
        }
        if let Some(shelf) = &shelf {
            // Whoever had one is told of, though it be no tenant any more.
            for tenant in shelf.tenants()?.into_iter().filter(|tenant| is_asked(tenant)) {
                let kept = self.kept(shelf, &tenant)?;
                lines.extend(kept.map(|line| (tenant, line)));
            }
        }
        Ok((lines.into_values().collect(), shelf.is_some()))
    }

    /// A tenant's line as it was closed, if the period is, and it had a statement then.
    fn kept(&self, shelf: &Shelf, tenant: &str) -> Outcome<Option<Line>> {
        let Some((Figures { used, classes, bill }, document)) = shelf.figures(tenant)? else {
            return Ok(None);
        };
        let defect = || Failure::new(format!("the closed statement of {tenant} has figures below zero"));
        let classes = classes.into_iter().map(|(class, [r#in, out])| {
            let used = Used { r#in: sums(r#in)?, out: sums(out)?, ..Used::default() };
            Some((class.into_boxed_str(), used))
        });
        let [r#in, out, local_in, local_out] = used.map(sums);
        let whole = || Some(Used { r#in: r#in?, out: out?, local_in: local_in?, local_out: local_out? });
        let usage = TenantUsage {
            used: whole().ok_or_else(defect)?,
            classes: classes.collect::<Option<_>>().ok_or_else(defect)?,
            ..TenantUsage::default()
        };
        let adjusted = bill.as_ref().and_then(|bill| adjusted(&document, &bill.currency));
        let document = document.get("charges").cloned().unwrap_or_default();
        let cost = bill.map(|amounts| {
            let adjusted =
                adjusted.ok_or_else(|| format!("statement of {tenant}: its adjustments are none"))?;
            Ok(Cost { amounts, adjusted, document })
        });
        Ok(Some(Line {
            tenant: tenant.to_owned(),
            group: self.group_of(tenant).cloned(),
            usage,
            cost,
            calendar: None,
        }))
    }
}

/// What was counted, which is never below zero.
fn sums(figures: [i128; 3]) -> Option<Sums> {
    let [octets, packets, flows] = figures.map(|figure| u64::try_from(figure).ok());
    Some(Sums::new(octets?, packets?, flows?))
}
