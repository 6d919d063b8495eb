//! Statements of a period, ready to be rendered. A stand-in: made one by one from what `weir statement` has.

use crate::cli;
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use serde_json::{Value as Json, json};
use weir_account::Period;
use weir_account::money::Money;

/// All statements of a period.
pub(crate) struct Prepared {
    config: Config,
    period: Period,
    tenants: Vec<String>,
}

/// What was found of an earlier period after it was closed. More is above zero, less below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adjustment {
    /// The number of the closed statement.
    pub(crate) statement: String,
    /// The name of its period.
    pub(crate) period: String,
    /// Why, in a sentence.
    pub(crate) reason: String,
    /// From the outside.
    pub(crate) in_octets: i128,
    /// To the outside.
    pub(crate) out_octets: i128,
    /// Taxes included, in the currency of the tenant's tariff; `None` where nothing is charged.
    pub(crate) amount: Option<Money>,
}

/// One tenant's.
pub(crate) struct Document {
    tenant: String,
    json: Json,
    text: String,
    csv: String,
}

/// Reads what all statements of a period are made from.
pub(crate) fn prepare(config: &Config, period: &Period) -> Outcome<Prepared> {
    let usage = cli::usage_of(config, period)?;
    let tenants = usage.tenants().map(|(name, _)| name.to_owned()).collect();
    Ok(Prepared { config: config.clone(), period: period.clone(), tenants })
}

impl Prepared {
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.iter().map(String::as_str)
    }

    pub(crate) fn one(&self, tenant: &str) -> Outcome<Document> {
        let [json, text, csv] = cli::statement_in_forms(&self.config, &self.period, tenant)?;
        let json = serde_json::from_str(&json).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Document { tenant: tenant.to_owned(), json, text, csv })
    }
}

impl Document {
    pub(crate) fn with_adjustments(mut self, adjustments: Vec<Adjustment>) -> Self {
        self.text.push_str("\nadjustments of earlier periods\n");
        let mut members = Vec::new();
        for one in adjustments {
            let Adjustment { statement, period, reason, in_octets, out_octets, amount } = one;
            let amount = amount.map(|amount| amount.minor.to_string());
            self.text
                .push_str(&format!("{statement} {period} {in_octets} {out_octets} {amount:?} {reason}\n"));
            members
                .push(json!({"statement": statement, "in_octets": in_octets.to_string(), "amount": amount}));
        }
        if let Some(object) = self.json.as_object_mut() {
            object.insert("adjustments".to_owned(), members.into());
        }
        self
    }

    pub(crate) fn json(&self) -> Json {
        self.json.clone()
    }

    pub(crate) fn text(&self) -> String {
        self.text.clone()
    }

    pub(crate) fn csv(&self) -> String {
        self.csv.clone()
    }

    pub(crate) fn html(&self) -> String {
        format!(
            "<!DOCTYPE html>\n<title>{}</title>\n<body>\n<pre>{}</pre>\n</body>\n",
            self.tenant, self.text
        )
    }

    pub(crate) fn pdf(&self) -> Outcome<Vec<u8>> {
        Ok(format!("%PDF-0\n{}", self.text).into_bytes())
    }
}
