//! The one formatter of snippets: what weir needs and why, the device's lines, and how to check them.

use super::order::Order;
use super::{Device, Protocol, TEMPLATE_S, Tells};

/// Comments are filled to this many characters.
const WIDTH: usize = 100;

/// weir's bins, in seconds.
const BIN_S: u32 = 300;

/// The lines of a configuration, in parts that each say what they are for.
#[derive(Debug, Default)]
pub(crate) struct Script {
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Why(&'static str),
    Text(String),
}

impl Script {
    /// Begins a part, and says why it is there.
    pub(crate) fn part(&mut self, why: &'static str) {
        self.lines.push(Line::Why(why));
    }

    /// Appends a line.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Text(text.into()));
    }

    /// Appends lines.
    pub(crate) fn block(&mut self, lines: &[&str]) {
        lines.iter().for_each(|text| self.line(*text));
    }
}

/// The lines alone, as the device takes them.
pub(crate) fn bare(device: &Device, order: &Order) -> String {
    let mut script = Script::default();
    (device.write)(order, &mut script);
    let lines = script.lines.iter().filter_map(|line| match line {
        Line::Text(text) => Some(text.clone() + "\n"),
        Line::Why(_) => None,
    });
    lines.collect()
}

/// The whole snippet; what is not for the device stands in its comments, so that all of it can be pasted.
pub(crate) fn render(device: &Device, order: &Order) -> String {
    let mut page = Page { mark: device.comment, out: String::new() };
    page.fill(&format!("weir: {} from {} to {}", order.protocol.title(), device.title, order.target()), 0);
    page.fill(&format!("Put it {}.", device.place), 0);
    page.gap();
    page.fill("What weir needs, and why:", 0);
    for (what, why) in needs(device, order) {
        page.item(&format!("{what}: {why}"));
    }
    if !device.notes.is_empty() {
        page.gap();
        page.fill("On this device:", 0);
        device.notes.iter().for_each(|note| page.item(note));
    }
    if !order.examples.is_empty() {
        page.gap();
        page.fill("ONLY EXAMPLES below, to be replaced:", 0);
        order.examples.iter().for_each(|example| page.item(example));
    }
    let mut script = Script::default();
    (device.write)(order, &mut script);
    for line in &script.lines {
        match line {
            Line::Why(why) => {
                page.out.push('\n');
                page.fill(why, 0);
            }
            Line::Text(text) => page.out.push_str(&format!("{text}\n")),
        }
    }
    page.out.push('\n');
    collector_side(device, order, &mut page);
    page.fill("Check with:", 0);
    device.check.iter().for_each(|command| page.fill(&format!("  {command}"), 4));
    page.fill("  weir doctor     (at the collector)", 0);
    page.out
}

/// What weir needs of this exporter, and why.
fn needs(device: &Device, order: &Order) -> Vec<(String, String)> {
    let mut needs = Vec::new();
    let mut need = |what: String, why: &str| needs.push((what, why.to_owned()));
    if order.is(Protocol::Sflow) {
        let n = order.sampling.unwrap_or(1);
        need(
            format!("1 packet in {n}"),
            "octets are measured octets times that; a smaller N is more exact, and more load",
        );
        need("counters every 30 s".to_owned(), "to compare what flows say with what the interface counted");
    } else {
        if device.active.is_some() {
            let why = if order.active_s > BIN_S {
                "LONGER THAN A BIN of five minutes: octets of long flows are spread over bins by guess; 60 is better"
            } else {
                "accounts are kept in bins of five minutes, and a flow told once a minute is put into the right one"
            };
            need(format!("active timeout {} s", order.active_s), why);
            need(
                format!("inactive timeout {} s", order.inactive_s),
                "a flow that has ended is told while its bin is still young",
            );
        }
        if order.protocol.has_templates() {
            need(
                format!("templates {}", device.templates),
                "without its template a data set cannot be read; after a restart of either side it waits for the next",
            );
            // Who never samples in this protocol has nothing to tell of it.
            let tells = Tells {
                sampling: device.tells.sampling && !device.exact.contains(&order.protocol),
                ..device.tells
            };
            options(tells, &mut need);
        }
        if let Some(n) = order.sampling.filter(|n| *n > 1) {
            need(
                format!("1 packet in {n}"),
                "the bill is then an estimate; leave --sampling out where the device can",
            );
        }
    }
    need("each packet counted once".to_owned(), device.once);
    need("one source address".to_owned(), "weir knows an exporter by the address its datagrams come from");
    need("a clock set by NTP".to_owned(), "flows are put into bins by the exporter's clock");
    needs
}

fn options(tells: Tells, need: &mut dyn FnMut(String, &str)) {
    let every = format!("every {TEMPLATE_S} s");
    match (tells.names, tells.sampling) {
        (true, true) => need(
            format!("options data {every}"),
            "the names of interfaces, and the sampling interval that octets are multiplied by",
        ),
        (true, false) => need(format!("options data {every}"), "the names of interfaces"),
        (false, true) => {
            need("options data".to_owned(), "the sampling interval that octets are multiplied by");
        }
        (false, false) => {}
    }
}

/// What the exporter cannot say and the operator must.
fn collector_side(device: &Device, order: &Order, page: &mut Page) {
    // sFlow says its interval in every sample, v5 in every header.
    let told = device.tells.sampling || order.is(Protocol::Sflow);
    let Some(n) = order.sampling.filter(|n| *n > 1 && !told) else { return };
    page.fill("It does not say that it samples, so say it in weir.toml, or octets are too few:", 0);
    let address = order.source.as_deref().filter(|s| s.parse::<std::net::IpAddr>().is_ok());
    page.fill("  [[exporter]]", 0);
    page.fill(&format!("  address = \"{}\"", address.unwrap_or("192.0.2.1")), 0);
    page.fill(&format!("  sampling = {n}"), 0);
    page.gap();
}

/// Comments being written.
struct Page {
    mark: &'static str,
    out: String,
}

impl Page {
    /// An empty comment line.
    fn gap(&mut self) {
        self.out.push_str(self.mark);
        self.out.push('\n');
    }

    /// Text in comment lines, the ones after the first indented by `hang` characters.
    fn fill(&mut self, text: &str, hang: usize) {
        self.wrapped("", text, hang);
    }

    /// An item of a list.
    fn item(&mut self, text: &str) {
        self.wrapped("- ", text, 2);
    }

    fn wrapped(&mut self, bullet: &str, text: &str, hang: usize) {
        let mut line = format!("{} {bullet}", self.mark);
        let mut is_empty = true;
        for word in text.split(' ') {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.out.push_str(line.trim_end());
                self.out.push('\n');
                line = format!("{} {}", self.mark, " ".repeat(hang));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }
}
