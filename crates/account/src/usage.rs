//! Usage: what the store's bins say, added up per tenant, per host, per exporter and per kind.
//!
//! Nothing here decides anything: attribution did. A bin row that contradicts itself (traffic *in* without a
//! tenant) is refused rather than put somewhere.

use crate::class::OTHER;
use crate::shared::Part;
use crate::sums::{Overflow, Sums};
use std::collections::BTreeMap;
use std::fmt;
use weir_flow::Addr;

/// What a bin row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// To a tenant from the outside.
    In,
    /// From a tenant to the outside.
    Out,
    /// Between tenants or inside one, at the destination's side.
    LocalIn,
    /// The same, at the source's side.
    LocalOut,
    /// Neither end is ours.
    Transit,
    /// An end is ours or unknown, and no tenant answers for it.
    Unmatched,
    /// Seen where the operator does not account it.
    Duplicate,
    /// Every record once, whatever became of it: what the other kinds must sum to.
    Decoded,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::In,
        Self::Out,
        Self::LocalIn,
        Self::LocalOut,
        Self::Transit,
        Self::Unmatched,
        Self::Duplicate,
        Self::Decoded,
    ];

    /// The word in the store's bins.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::LocalIn => "local_in",
            Self::LocalOut => "local_out",
            Self::Transit => "transit",
            Self::Unmatched => "unmatched",
            Self::Duplicate => "duplicate",
            Self::Decoded => "decoded",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether rows of this kind belong to a tenant.
    #[must_use]
    pub const fn has_tenant(self) -> bool {
        matches!(self, Self::In | Self::Out | Self::LocalIn | Self::LocalOut)
    }
}

/// Why a bin row cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageError {
    /// A sum does not fit.
    Overflow,
    /// The kind belongs to a tenant and none is named.
    TenantMissing(Kind),
    /// A tenant or host is named where the kind has none.
    TenantUnexpected(Kind),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow => Overflow.fmt(f),
            Self::TenantMissing(kind) => {
                write!(f, "a bin counts traffic \"{}\" of no tenant: run `weir verify`", kind.name())
            }
            Self::TenantUnexpected(kind) => {
                write!(f, "a bin counts traffic \"{}\" of a tenant or host: run `weir verify`", kind.name())
            }
        }
    }
}

impl std::error::Error for UsageError {}

impl From<Overflow> for UsageError {
    fn from(_: Overflow) -> Self {
        Self::Overflow
    }
}

/// What a tenant, a host or a day used, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// From the outside.
    pub r#in: Sums,
    /// To the outside.
    pub out: Sums,
    /// From tenants, or from itself.
    pub local_in: Sums,
    /// To tenants, or to itself.
    pub local_out: Sums,
}

impl Used {
    /// Adds to one direction; kinds that belong to no tenant are passed over.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add(&mut self, kind: Kind, sums: Sums) -> Result<(), Overflow> {
        match kind {
            Kind::In => self.r#in.add(sums),
            Kind::Out => self.out.add(sums),
            Kind::LocalIn => self.local_in.add(sums),
            Kind::LocalOut => self.local_out.add(sums),
            Kind::Transit | Kind::Unmatched | Kind::Duplicate | Kind::Decoded => Ok(()),
        }
    }

    /// Less of one direction; `None` if it is more than there was.
    fn less(self, kind: Kind, sums: Sums) -> Option<Self> {
        Some(match kind {
            Kind::In => Self { r#in: self.r#in.minus(sums)?, ..self },
            Kind::Out => Self { out: self.out.minus(sums)?, ..self },
            Kind::LocalIn => Self { local_in: self.local_in.minus(sums)?, ..self },
            Kind::LocalOut => Self { local_out: self.local_out.minus(sums)?, ..self },
            Kind::Transit | Kind::Unmatched | Kind::Duplicate | Kind::Decoded => self,
        })
    }

    /// Both, direction by direction.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        Ok(Self {
            r#in: self.r#in.plus(other.r#in)?,
            out: self.out.plus(other.out)?,
            local_in: self.local_in.plus(other.local_in)?,
            local_out: self.local_out.plus(other.local_out)?,
        })
    }

    /// All directions together: what a list is sorted by, never what is billed (a local octet is in it twice
    /// where both ends are the same tenant's).
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn total(&self) -> Result<Sums, Overflow> {
        Sums::sum([self.r#in, self.out, self.local_in, self.local_out])
    }
}

/// What one tenant used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantUsage {
    /// The whole.
    pub used: Used,
    /// By the tenant's own address; together the whole, less what bins name no host for.
    pub hosts: BTreeMap<Addr, Used>,
    /// By class, where there are classes: together the whole of what came from outside and went there.
    pub classes: BTreeMap<Box<str>, Used>,
    /// What of the whole is its share of a shared address, by that one's name. No host of its own had it.
    pub shares: BTreeMap<Box<str>, Share>,
    /// Of a shared address, what was shared out among others: none of that is in the whole.
    pub shared_out: Option<Used>,
}

/// A share of what a shared address had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The share.
    pub used: Used,
    /// What there was in all, of the slots that there was a share of.
    pub whole: Used,
}

impl TenantUsage {
    /// Adds to a class what was added to the tenant: traffic with the outside, other kinds are passed over.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add_class(&mut self, class: &str, kind: Kind, sums: Sums) -> Result<(), Overflow> {
        if !matches!(kind, Kind::In | Kind::Out) {
            return Ok(());
        }
        match self.classes.get_mut(class) {
            Some(used) => used.add(kind, sums),
            None => self.classes.entry(class.into()).or_default().add(kind, sums),
        }
    }

    /// Adds what another tenant used: the whole, and class by class. Hosts stay each tenant's own.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn join(&mut self, other: &Self) -> Result<(), Overflow> {
        self.used = self.used.plus(other.used)?;
        for (class, used) in &other.classes {
            let sum = self.classes.entry(class.clone()).or_default();
            *sum = sum.plus(*used)?;
        }
        Ok(())
    }

    /// What came in and went out of these classes. All of who has no record of any class is [`OTHER`].
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn of_classes(&self, classes: &[String]) -> Result<Used, Overflow> {
        if self.classes.is_empty() && classes.iter().any(|class| class == OTHER) {
            return Ok(Used { r#in: self.used.r#in, out: self.used.out, ..Used::default() });
        }
        let named = self.classes.iter().filter(|(class, _)| classes.iter().any(|name| **name == ***class));
        named.map(|(_, used)| *used).try_fold(Used::default(), Used::plus)
    }

    /// Where there are classes, what none was given of is [`OTHER`]: records from before there were classes.
    fn complete(&mut self) -> Result<(), Overflow> {
        if self.classes.is_empty() {
            return Ok(());
        }
        let mut classed = Used::default();
        for used in self.classes.values() {
            classed = classed.plus(*used)?;
        }
        for (kind, whole, part) in
            [(Kind::In, self.used.r#in, classed.r#in), (Kind::Out, self.used.out, classed.out)]
        {
            let rest = whole.minus(part).ok_or(Overflow)?;
            if !rest.is_zero() {
                self.add_class(OTHER, kind, rest)?;
            }
        }
        Ok(())
    }
}

/// All traffic by its place in the trial balance: of everything, or of one exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By direction, all tenants together.
    pub used: Used,
    /// Neither end is ours.
    pub transit: Sums,
    /// An end is ours or unknown, and no tenant answers for it.
    pub unmatched: Sums,
    /// Seen where the operator does not account it.
    pub duplicate: Sums,
    /// Decoded and then discarded, for all reasons together.
    pub discarded: Sums,
    /// Everything, counted apart from the rest.
    pub decoded: Sums,
}

impl Tally {
    fn add(&mut self, kind: Kind, sums: Sums) -> Result<(), Overflow> {
        match kind {
            Kind::In | Kind::Out | Kind::LocalIn | Kind::LocalOut => self.used.add(kind, sums),
            Kind::Transit => self.transit.add(sums),
            Kind::Unmatched => self.unmatched.add(sums),
            Kind::Duplicate => self.duplicate.add(sums),
            Kind::Decoded => self.decoded.add(sums),
        }
    }
}

/// Everything that was used in a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    tenants: BTreeMap<Box<str>, TenantUsage>,
    exporters: BTreeMap<Addr, Tally>,
    total: Tally,
    discarded: BTreeMap<Box<str>, Sums>,
}

impl Usage {
    /// Nothing yet. Tenants that are `declared` appear even without traffic.
    #[must_use]
    pub fn new<'a>(declared: impl IntoIterator<Item = &'a str>) -> Self {
        let tenants = declared.into_iter().map(|name| (name.into(), TenantUsage::default())).collect();
        Self { tenants, ..Self::default() }
    }

    /// A tenant that is there, whether anything is of it or not.
    pub fn declare(&mut self, tenant: &str) {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.into(), TenantUsage::default());
        }
    }

    /// Adds a bin row.
    ///
    /// # Errors
    /// See [`UsageError`]; the usage is then of no use.
    pub fn add(
        &mut self,
        kind: Kind,
        tenant: Option<&str>,
        host: Option<Addr>,
        exporter: Addr,
        sums: Sums,
    ) -> Result<(), UsageError> {
        match (kind.has_tenant(), tenant) {
            (true, Some(tenant)) => self.add_to_tenant(kind, tenant, host, sums)?,
            (true, None) => return Err(UsageError::TenantMissing(kind)),
            (false, None) if host.is_none() => {}
            // What was decoded is everybody's; a store may break it down, which is no contradiction.
            (false, _) if kind == Kind::Decoded => {}
            (false, _) => return Err(UsageError::TenantUnexpected(kind)),
        }
        self.exporters.entry(exporter).or_default().add(kind, sums)?;
        self.total.add(kind, sums)?;
        Ok(())
    }

    /// Adds what is of others than those that are told apart: to the balance, and to no tenant.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add_others(&mut self, kind: Kind, exporter: Addr, sums: Sums) -> Result<(), Overflow> {
        self.exporters.entry(exporter).or_default().add(kind, sums)?;
        self.total.add(kind, sums)
    }

    /// Says which host of a tenant it was that something added before, without a host, was of.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add_host(&mut self, kind: Kind, tenant: &str, host: Addr, sums: Sums) -> Result<(), Overflow> {
        match self.tenants.get_mut(tenant) {
            Some(known) => known.hosts.entry(host).or_default().add(kind, sums),
            None => {
                self.tenants.entry(tenant.into()).or_default().hosts.entry(host).or_default().add(kind, sums)
            }
        }
    }

    fn add_to_tenant(
        &mut self,
        kind: Kind,
        tenant: &str,
        host: Option<Addr>,
        sums: Sums,
    ) -> Result<(), Overflow> {
        let tenant = match self.tenants.get_mut(tenant) {
            Some(known) => known,
            None => self.tenants.entry(tenant.into()).or_default(),
        };
        tenant.used.add(kind, sums)?;
        match host {
            Some(host) => tenant.hosts.entry(host).or_default().add(kind, sums),
            None => Ok(()),
        }
    }

    /// Adds a bin row of a shared address, whose traffic is its members' ([`Usage::add_part`]).
    ///
    /// # Errors
    /// See [`UsageError`]; the usage is then of no use.
    pub fn add_shared(
        &mut self,
        kind: Kind,
        shared: &str,
        exporter: Addr,
        sums: Sums,
    ) -> Result<(), UsageError> {
        if !kind.has_tenant() {
            return Err(UsageError::TenantUnexpected(kind));
        }
        self.of(shared).shared_out.get_or_insert_default().add(kind, sums)?;
        self.exporters.entry(exporter).or_default().add(kind, sums)?;
        self.total.add(kind, sums)?;
        Ok(())
    }

    /// Adds a part of what shared addresses had to whom it is shared out.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add_part(&mut self, part: Part<'_>) -> Result<(), Overflow> {
        let Part { shared, tenant, kind, class, sums, whole, .. } = part;
        if shared == tenant
            && let Some(out) = &mut self.of(shared).shared_out
        {
            *out = out.less(kind, sums).ok_or(Overflow)?;
        }
        let usage = self.of(tenant);
        usage.used.add(kind, sums)?;
        if shared != tenant {
            let share = usage.shares.entry(shared.into()).or_default();
            share.used.add(kind, sums)?;
            share.whole.add(kind, whole)?;
        }
        class.map_or(Ok(()), |class| usage.add_class(class, kind, sums))
    }

    /// A tenant's usage.
    fn of(&mut self, tenant: &str) -> &mut TenantUsage {
        self.tenants.entry(tenant.into()).or_default()
    }

    /// Adds to a tenant's class, as [`TenantUsage::add_class`] does, what was added to the tenant.
    ///
    /// # Errors
    /// [`Overflow`]
    pub fn add_class(&mut self, tenant: &str, class: &str, kind: Kind, sums: Sums) -> Result<(), Overflow> {
        let usage = match self.tenants.get_mut(tenant) {
            Some(known) => known,
            None => self.tenants.entry(tenant.into()).or_default(),
        };
        usage.add_class(class, kind, sums)
    }

    /// Says, when everything was added, what of each tenant is of no class that was added: it is [`OTHER`].
    ///
    /// # Errors
    /// [`Overflow`], also if more was added to classes than to their tenant.
    pub fn complete_classes(&mut self) -> Result<(), Overflow> {
        self.tenants.values_mut().try_for_each(TenantUsage::complete)
    }

    /// Adds what was decoded and then discarded, which no bin holds: to the discarded and to the decoded.
    ///
    /// # Errors
    /// [`UsageError::Overflow`]
    pub fn add_discarded(&mut self, reason: &str, exporter: Addr, sums: Sums) -> Result<(), UsageError> {
        for tally in [self.exporters.entry(exporter).or_default(), &mut self.total] {
            tally.discarded.add(sums)?;
            tally.decoded.add(sums)?;
        }
        self.discarded.entry(reason.into()).or_default().add(sums)?;
        Ok(())
    }

    /// Each tenant's usage, by name: those declared and those the bins name.
    pub fn tenants(&self) -> impl Iterator<Item = (&str, &TenantUsage)> {
        self.tenants.iter().map(|(name, usage)| (name.as_ref(), usage))
    }

    /// One tenant's usage.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<&TenantUsage> {
        self.tenants.get(name)
    }

    /// Each exporter's traffic, by address.
    pub fn exporters(&self) -> impl Iterator<Item = (Addr, &Tally)> {
        self.exporters.iter().map(|(exporter, tally)| (*exporter, tally))
    }

    /// All traffic.
    #[must_use]
    pub fn total(&self) -> &Tally {
        &self.total
    }

    /// What was discarded, by reason.
    pub fn discarded(&self) -> impl Iterator<Item = (&str, Sums)> {
        self.discarded.iter().map(|(reason, sums)| (reason.as_ref(), *sums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: Addr = Addr::v4([192, 0, 2, 1]);
    const HOST: Addr = Addr::v4([192, 168, 31, 2]);

    #[test]
    fn bins_are_added_to_tenant_host_and_exporter() {
        let mut usage = Usage::new(["quiet", "busy"]);
        usage.add(Kind::In, Some("busy"), Some(HOST), CORE, Sums::new(100, 2, 1)).unwrap();
        usage.add(Kind::In, Some("busy"), Some(HOST), CORE, Sums::new(50, 1, 0)).unwrap();
        usage.add(Kind::Out, Some("busy"), None, CORE, Sums::new(7, 1, 1)).unwrap();
        usage.add(Kind::LocalIn, Some("undeclared"), Some(HOST), CORE, Sums::new(9, 1, 1)).unwrap();
        usage.add(Kind::Decoded, None, None, CORE, Sums::new(166, 5, 3)).unwrap();

        let busy = usage.tenant("busy").unwrap();
        assert_eq!(busy.used.r#in, Sums::new(150, 3, 1));
        assert_eq!(busy.used.out, Sums::new(7, 1, 1));
        assert_eq!(busy.hosts.len(), 1);
        assert_eq!(busy.hosts[&HOST].r#in, Sums::new(150, 3, 1));
        assert_eq!(busy.used.total(), Ok(Sums::new(157, 4, 2)));
        assert_eq!(usage.tenant("quiet"), Some(&TenantUsage::default()));
        assert_eq!(
            usage.tenants().map(|(name, _)| name).collect::<Vec<_>>(),
            ["busy", "quiet", "undeclared"]
        );
        assert_eq!(usage.exporters().collect::<Vec<_>>(), [(CORE, usage.total())]);
        assert_eq!(usage.total().decoded, Sums::new(166, 5, 3));
    }

    #[test]
    fn contradictions_are_refused() {
        let mut usage = Usage::default();
        let sums = Sums::new(u64::MAX, 1, 1);
        assert_eq!(
            usage.add(Kind::In, None, Some(HOST), CORE, sums),
            Err(UsageError::TenantMissing(Kind::In))
        );
        assert_eq!(
            usage.add(Kind::Transit, Some("a"), None, CORE, sums),
            Err(UsageError::TenantUnexpected(Kind::Transit))
        );
        usage.add(Kind::Transit, None, None, CORE, sums).unwrap();
        assert_eq!(usage.add(Kind::Transit, None, None, CORE, sums), Err(UsageError::Overflow));
    }

    #[test]
    fn kinds_have_words() {
        for kind in Kind::ALL {
            assert_eq!(Kind::by_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::by_name("local"), None);
    }
}
