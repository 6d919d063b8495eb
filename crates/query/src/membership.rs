//! Which group each tenant is in: what records are grouped by, and do not say themselves.

use std::collections::HashMap;
use std::sync::Arc;

/// The groups of tenants, by their names: a question that groups by them ([`Key::Group`](crate::Key::Group)) brings them
/// along, as it brings the clocks of a zone.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Membership(Arc<HashMap<Box<str>, Box<str>>>);

impl Membership {
    /// From each tenant's name, and the path of its group: names with `/` between them, the outermost first.
    pub fn new<'a>(groups: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(Arc::new(groups.into_iter().map(|(tenant, path)| (tenant.into(), path.into())).collect()))
    }

    /// Each tenant and the path of its group, in the order of tenants' names.
    pub(crate) fn sorted(&self) -> Vec<(&str, &str)> {
        let mut pairs: Vec<(&str, &str)> = self.0.iter().map(|(tenant, path)| (&**tenant, &**path)).collect();
        pairs.sort_unstable();
        pairs
    }

    /// The first `depth` names of the path of a tenant's group, fewer where it has no more; all of them where `depth` is 0.
    #[must_use]
    pub fn group(&self, tenant: &str, depth: u8) -> Option<&str> {
        let path = self.0.get(tenant)?;
        let last = usize::from(depth).checked_sub(1);
        let end = last.and_then(|last| path.match_indices('/').nth(last)).map_or(path.len(), |(at, _)| at);
        path.get(..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_after_so_many_names() {
        let membership = Membership::new([("a", "campus/north/floor 3"), ("b", "south")]);
        let of = |tenant, depths: [u8; 5]| depths.map(|depth| membership.group(tenant, depth).unwrap_or(""));
        assert_eq!(
            of("a", [0, 1, 2, 3, 255]),
            [
                "campus/north/floor 3",
                "campus",
                "campus/north",
                "campus/north/floor 3",
                "campus/north/floor 3"
            ]
        );
        assert_eq!(of("b", [0, 1, 2, 3, 255]), ["south"; 5]);
        assert_eq!(membership.group("c", 0), None);
    }
}
