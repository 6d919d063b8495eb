//! `[statement]`: who sends statements and how they look; and each tenant's own `language` and `unit`.

use super::Config;
use super::dump::{list, quote};
use super::read::{Reader, Table, number};
use crate::statement::{Language, Style};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use toml::de::{DeTable, DeValue};
use weir_account::money::Currency;
use weir_account::statement::Unit;

/// Hosts that stand on a statement by themselves, if nobody says how many.
const HOSTS: usize = 100;

/// How statements look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statements {
    /// Instead of "Statement of traffic".
    pub(crate) title: Option<String>,
    /// Who sends them: name, address, numbers; a line each.
    pub(crate) issuer: Vec<String>,
    /// Under every page.
    pub(crate) footer: Option<String>,
    /// Of the manager's page, and of tenants that have no other.
    pub(crate) language: Language,
    /// So many hosts stand by themselves, the others in one line.
    pub(crate) hosts: usize,
    /// How currencies are written, by code.
    pub(crate) currencies: BTreeMap<String, String>,
    /// What tenants want otherwise, by name.
    pub(crate) tenants: BTreeMap<String, Own>,
}

/// What a tenant wants otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) language: Option<Language>,
    pub(crate) unit: Option<Unit>,
}

impl Default for Statements {
    fn default() -> Self {
        Self {
            title: None,
            issuer: Vec::new(),
            footer: None,
            language: Language::default(),
            hosts: HOSTS,
            currencies: BTreeMap::new(),
            tenants: BTreeMap::new(),
        }
    }
}

impl Config {
    /// How a tenant's statement looks; the manager's page where no tenant is named.
    pub(crate) fn style(&self, tenant: Option<&str>) -> Style {
        let of = &self.statement;
        let own = tenant.and_then(|name| of.tenants.get(name)).copied().unwrap_or_default();
        Style {
            language: own.language.unwrap_or(of.language),
            unit: own.unit.unwrap_or(self.unit),
            title: of.title.clone(),
            issuer: of.issuer.clone(),
            footer: of.footer.clone(),
            hosts: of.hosts,
            currencies: of.currencies.clone(),
        }
    }
}

impl Statements {
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n[statement]")?;
        if let Some(title) = &self.title {
            writeln!(out, "title = {}", quote(title))?;
        }
        if !self.issuer.is_empty() {
            writeln!(out, "issuer = {}", list(&self.issuer))?;
        }
        if let Some(footer) = &self.footer {
            writeln!(out, "footer = {}", quote(footer))?;
        }
        writeln!(out, "language = \"{}\"\nhosts = {}", self.language.code(), self.hosts)?;
        if !self.currencies.is_empty() {
            let words = self.currencies.iter().map(|(code, word)| format!("{code} = {}", quote(word)));
            writeln!(out, "currencies = {{ {} }}", words.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }

    /// The keys of a `[[tenant]]` that are about its statement.
    pub(super) fn write_tenant(&self, name: &str, out: &mut String) -> fmt::Result {
        let Some(own) = self.tenants.get(name) else { return Ok(()) };
        if let Some(language) = own.language {
            writeln!(out, "language = \"{}\"", language.code())?;
        }
        if let Some(unit) = own.unit {
            writeln!(out, "unit = {}", unit.factor())?;
        }
        Ok(())
    }
}

impl Reader {
    /// `[statement]`, and what stands in each `[[tenant]]` about statements.
    pub(super) fn statement(&mut self, root: &DeTable<'_>) -> Statements {
        let mut statements = Statements::default();
        if let Some(table) = self.table(root, "statement") {
            self.keys(
                table,
                "[statement]",
                &["title", "issuer", "footer", "language", "hosts", "currencies"],
            );
            statements.title = self.string(table, "title").map(|(text, _)| text.to_owned());
            statements.issuer =
                self.strings(table, "issuer").into_iter().map(|(line, _)| line.to_owned()).collect();
            statements.footer = self.string(table, "footer").map(|(text, _)| text.to_owned());
            statements.language = self.language(table).unwrap_or_default();
            let cure = "so many hosts stand on a statement by themselves, the others in one line";
            let hosts = self.number(table, "hosts", 0, 100_000, cure);
            statements.hosts = hosts.and_then(|n| usize::try_from(n).ok()).unwrap_or(HOSTS);
            statements.currencies = self.currencies(table);
        }
        statements.tenants = std::mem::take(&mut self.own);
        statements
    }

    /// What a tenant wants of its statements, if anything.
    pub(super) fn own(&mut self, table: Table<'_>) {
        let own = Own { language: self.language(table), unit: self.unit(table) };
        if let (Some(DeValue::String(name)), true) =
            (table.get("name").map(toml::Spanned::get_ref), own != Own::default())
        {
            self.own.insert(name.to_string(), own);
        }
    }

    pub(super) fn language(&mut self, table: Table<'_>) -> Option<Language> {
        let known = Language::ALL.map(|language| (language.code(), language));
        self.word(table, "language", &known)
    }

    /// `unit = 1000` or 1024.
    pub(super) fn unit(&mut self, table: Table<'_>) -> Option<Unit> {
        let value = table.get("unit")?;
        let unit = number(value).and_then(|n| u32::try_from(n).ok()).and_then(Unit::from_factor);
        if unit.is_none() {
            self.note(value.span(), "unit is neither 1000 nor 1024", "write unit = 1000 or unit = 1024");
        }
        unit
    }

    /// `currencies = { EUR = "€" }`.
    fn currencies(&mut self, table: Table<'_>) -> BTreeMap<String, String> {
        let Some(names) = self.table(table, "currencies") else { return BTreeMap::new() };
        let mut words = BTreeMap::new();
        for key in names.keys() {
            let code = key.get_ref().to_string();
            if Currency::by_code(&code).is_none() {
                self.note(
                    key.span(),
                    format!("\"{code}\" is no currency's code"),
                    "write a code of ISO 4217, as EUR = \"€\"",
                );
            }
            if let Some((word, _)) = self.string(names, &code) {
                words.insert(code, word.to_owned());
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use crate::config::read;
    use crate::statement::Language;
    use weir_account::statement::Unit;

    const TEXT: &str = "[statement]\ntitle = \"Internet\"\nissuer = [\"Haus GmbH\", \"Straße 1\"]\nfooter = \"kein Steuerbeleg\"\n\
        language = \"ru\"\nhosts = 7\ncurrencies = { EUR = \"€\" }\n\
        [[tenant]]\nname = \"a\"\nnetworks = [\"10.1.0.0/16\"]\nlanguage = \"de\"\nunit = 1024\n\
        [[tenant]]\nname = \"b\"\nnetworks = [\"10.2.0.0/16\"]\n";

    #[test]
    fn each_tenant_has_its_language_and_unit() {
        let config = read(TEXT).unwrap();
        let (a, b, own) = (config.style(Some("a")), config.style(Some("b")), config.style(None));
        assert_eq!((a.language, a.unit, a.hosts), (Language::German, Unit::Binary, 7));
        assert_eq!((b.language, b.unit), (Language::Russian, Unit::Decimal));
        assert_eq!(own.issuer, ["Haus GmbH", "Straße 1"]);
        assert_eq!(own.currencies["EUR"], "€");
        let again = read(&config.dump()).unwrap();
        assert_eq!(again.statement, config.statement);
        assert_eq!(again.dump(), config.dump());
    }

    #[test]
    fn what_is_no_statement_is_said() {
        let text = "[statement]\nlanguage = \"fr\"\nhost = 3\ncurrencies = { EURO = \"€\" }\n\
            [[tenant]]\nname = \"a\"\nnetworks = [\"10.1.0.0/16\"]\nlanguage = \"german\"\nunit = 1025\n";
        let said: Vec<String> = read(text).unwrap_err().into_iter().map(|mistake| mistake.message).collect();
        assert_eq!(
            said,
            [
                "language = \"fr\" is not known",
                "unknown key \"host\" in [statement]",
                "\"EURO\" is no currency's code",
                "language = \"german\" is not known",
                "unit is neither 1000 nor 1024",
            ]
        );
    }
}
