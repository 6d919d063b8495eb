//! Whose use a quota is looked at for: a tenant, a host of one, or a group of them; and as the books know them.

use crate::config::quota::{Each, Quota};
use crate::config::{Calendar, Config};
use std::fmt;
use weir_account::Group;
use weir_books::quota::Subject;
use weir_flow::Addr;

/// What stands in the books in a host's place where the quota is a group's: no address is written so.
const GROUP: &str = "(group)";

/// Whose use is compared with a limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    /// A tenant, by its name.
    Tenant(String),
    /// A host of a tenant.
    Host(String, Addr),
    /// All tenants of a group together.
    Group(Group),
}

impl Whose {
    /// The tenant, if it is one or one's host.
    pub(crate) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Tenant(tenant) | Self::Host(tenant, _) => Some(tenant),
            Self::Group(_) => None,
        }
    }

    pub(crate) fn host(&self) -> Option<Addr> {
        match self {
            Self::Host(_, host) => Some(*host),
            Self::Tenant(_) | Self::Group(_) => None,
        }
    }

    pub(crate) fn group(&self) -> Option<&Group> {
        match self {
            Self::Group(group) => Some(group),
            Self::Tenant(_) | Self::Host(..) => None,
        }
    }

    /// The calendar that its cycles follow: a tenant's and its hosts' own; a group's is that of `[billing]`.
    pub(crate) fn calendar<'a>(&self, config: &'a Config) -> Calendar<'a> {
        self.tenant().map_or_else(|| config.calendar(), |tenant| config.calendar_of(tenant))
    }

    /// As the books name it under a quota.
    pub(crate) fn subject(&self, quota: &Quota) -> Subject {
        let (tenant, host) = match self {
            Self::Tenant(tenant) => (tenant.clone(), None),
            Self::Host(tenant, host) => (tenant.clone(), Some(host.to_string())),
            Self::Group(group) => (group.path().to_owned(), Some(GROUP.to_owned())),
        };
        Subject { quota: quota.name.clone(), tenant, host }
    }

    /// Who that is; `None` if another weir wrote what is not understood.
    pub(crate) fn of(subject: &Subject) -> Option<Self> {
        match subject.host.as_deref() {
            None => Some(Self::Tenant(subject.tenant.clone())),
            Some(GROUP) => subject.tenant.parse().ok().map(Self::Group),
            Some(host) => host.parse().ok().map(|host| Self::Host(subject.tenant.clone(), host)),
        }
    }

    /// Whether a quota is about it.
    pub(crate) fn is_under(&self, quota: &Quota) -> bool {
        match self {
            Self::Tenant(tenant) => quota.each == Each::Tenant && quota.is_of(tenant),
            Self::Host(tenant, _) => quota.each == Each::Host && quota.is_of(tenant),
            Self::Group(group) => quota.each == Each::Group && quota.groups.contains(group),
        }
    }
}

/// For people: `avtotrade`, `avtotrade 192.168.31.7`, `group campus/north`.
impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => f.write_str(tenant),
            Self::Host(tenant, host) => write!(f, "{tenant} {host}"),
            Self::Group(group) => write!(f, "group {group}"),
        }
    }
}
