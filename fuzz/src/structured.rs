//! Structured data: the first octet chooses the kind of list, then come, each with its length before it, a set of
//! templates and the list.

use weir_wire::structured::{DEPTH_MAX, Item, VISITS_MAX, walk};
use weir_wire::template::{Dialect, Field, Set, Template, VARIABLE};

/// One list.
pub fn structured(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let mut parts = super::parts(rest);
    let (Some(raw), Some(list)) = (parts.next(), parts.next()) else { return };
    let set = Set { dialect: Dialect::Ipfix, id: 2, offset: 0, body: raw, is_cut: false };
    let templates: Vec<Template<'_>> = set.templates().filter_map(Result::ok).collect();
    let lookup = |id| templates.iter().find(|t| t.id == id && !t.is_withdrawal()).copied();
    let (mut visits, mut depth, mut deepest) = (0, 0_usize, 0);
    let mut visit = |item: Item<'_>| {
        visits += 1;
        match item {
            Item::Begin { .. } => depth += 1,
            Item::End => depth -= 1,
            Item::Value { bytes, offset, .. } => super::assert_at(list, offset, bytes),
            Item::Opaque { template_id, .. } => assert!(lookup(template_id).is_none()),
            Item::Record => assert!(depth > 0),
        }
        deepest = deepest.max(depth);
    };
    let field = Field::new([291, 292, 293][usize::from(kind % 3)], VARIABLE);
    let result = walk(field, list, 0, &lookup, &mut visit);
    assert!(visits <= VISITS_MAX && deepest <= DEPTH_MAX);
    match result {
        Ok(()) => assert_eq!(depth, 0),
        Err(error) => assert!(error.offset <= list.len()),
    }
}
