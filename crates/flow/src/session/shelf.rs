//! Plans that sessions share. Ten thousand routers of a few kinds send the same few templates: each is compiled once,
//! and what reads their sets stays in the cache.

use super::plan::Plan;
use hashbrown::HashMap;
use std::sync::Arc;
use weir_wire::template::{Dialect, Template};

/// Plans on the shelf. A plan that is no longer there is still held by the sessions that have it; who asks for it next
/// gets one of its own.
const PLANS_MAX: usize = 4096;
/// Octets of templates on the shelf: a longer one than this is not worth sharing.
const TEMPLATE_BYTES_MAX: usize = 1024;

/// The plans for templates, by their fields as they were sent.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    v9: HashMap<Box<[u8]>, Arc<Plan>, foldhash::fast::RandomState>,
    ipfix: HashMap<Box<[u8]>, Arc<Plan>, foldhash::fast::RandomState>,
}

impl Shelf {
    /// The plan for a template of flows.
    pub(super) fn plan(&mut self, template: &Template<'_>) -> Arc<Plan> {
        let plans = match template.dialect {
            Dialect::V9 => &mut self.v9,
            Dialect::Ipfix => &mut self.ipfix,
        };
        if let Some(plan) = plans.get(template.body) {
            return Arc::clone(plan);
        }
        let plan = Arc::new(Plan::compile(template));
        if template.body.len() <= TEMPLATE_BYTES_MAX {
            if plans.len() >= PLANS_MAX {
                // Those that nobody has any more make room; if all are had, somebody sends a new one each time.
                plans.retain(|_, plan| Arc::strong_count(plan) > 1);
                if plans.len() >= PLANS_MAX / 2 {
                    plans.clear();
                }
            }
            plans.insert(template.body.into(), Arc::clone(&plan));
        }
        plan
    }
}
