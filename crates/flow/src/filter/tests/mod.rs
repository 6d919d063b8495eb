//! What filters find, what they say of mistakes, and that three ways to evaluate one agree.

mod civil;
mod example;
mod foreign;
mod mistake;
mod outside;
mod property;
mod side;

use super::{Filter, Names};
use crate::Batch;

fn names() -> Names {
    Names {
        exporters: vec![
            ("core".into(), "192.0.2.1".parse().unwrap()),
            ("core".into(), "2001:db8::1".parse().unwrap()),
            ("edge".into(), "192.0.2.2".parse().unwrap()),
        ],
        tenants: vec!["avtotrade".into(), "ООО Авто".into()],
        groups: vec![
            ("campus".into(), vec!["ООО Авто".into(), "avtotrade".into()]),
            ("campus/floor 3".into(), vec!["avtotrade".into()]),
        ],
        ..Names::default()
    }
}

fn eval(filter: &Filter, batch: &Batch) -> Vec<bool> {
    // What was in the vector before must not matter.
    let mut out = vec![true; 3];
    filter.eval(batch, &mut out);
    out
}
