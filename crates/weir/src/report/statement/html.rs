//! A paper as a page for a browser: one file, nothing from elsewhere, no script; it prints on A4.

use super::{Chart, Paper, Part, Section, Table};
use crate::plot::escaped;
use crate::report::table::Align;
use std::fmt::Write;

/// The chart's size, in units of its own.
const WIDTH: u128 = 720;
const HEIGHT: u128 = 150;
/// Room for the numbers beside it, the days under it and the legend above.
const LEFT: u128 = 64;
const TOP: u128 = 24;
const BOTTOM: u128 = 20;

/// What came in, and what went out: colours that also those tell apart who see fewer (Okabe and Ito), and a printer.
const COLOURS: [&str; 2] = ["#0072b2", "#e69f00"];

const STYLE: &str = "\
:root{color-scheme:light}\
body{font:14px/1.4 system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif;color:#1a1a1a;background:#fff;\
max-width:60rem;margin:2rem auto;padding:0 1rem}\
header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:1rem;border-bottom:2px solid #1a1a1a;padding-bottom:.7rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem;border-bottom:1px solid #ccc;break-after:avoid}\
address{font-style:normal;color:#444;text-align:right}\
.lead{display:flex;flex-wrap:wrap;gap:.6rem 2.5rem;margin:1rem 0;font-size:1.15rem}.lead b{white-space:nowrap}\
.notice{border:2px solid #b45309;background:#fff7ed;padding:.6rem .8rem;margin:1rem 0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.5rem 0}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.93rem}\
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\
th,td{padding:.15rem .5rem;text-align:left;vertical-align:top;font-weight:400}\
thead th{font-weight:600;border-bottom:1px solid #666}tbody tr:nth-child(even){background:#f5f6f7}\
.r{text-align:right;white-space:nowrap}tbody th{overflow-wrap:anywhere}\
tfoot th,tfoot td{border-top:1px solid #bbb}tfoot tr:last-child th,tfoot tr:last-child td{font-weight:600;border-top:1px solid #666}\
tr{break-inside:avoid}svg{display:block;width:100%;height:auto}ul{margin:.3rem 0;padding-left:1.2rem}\
details{margin:.4rem 0}summary{color:#555;cursor:pointer}footer{margin-top:2rem;border-top:1px solid #ccc;padding-top:.5rem;color:#555;font-size:.85rem}\
.wide{overflow-x:auto}\
@page{size:A4;margin:15mm}\
@media print{body{margin:0;padding:0;max-width:none;font-size:9.5pt}details{display:none}.wide{overflow:visible}\
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// The whole file.
pub(crate) fn render(paper: &Paper) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        paper.language.code(),
        escaped(&paper.subject)
    );
    // Writing into a string does not fail.
    let _ = writeln!(out, "<header><h1>{}</h1>", escaped(&paper.title));
    if !paper.issuer.is_empty() {
        let lines: Vec<String> = paper.issuer.iter().map(|line| escaped(line)).collect();
        let _ = writeln!(out, "<address>{}</address>", lines.join("<br>"));
    }
    out.push_str("</header>\n<main>\n");
    for notice in &paper.notices {
        let _ = writeln!(out, "<p class=\"notice\" role=\"note\">{}</p>", escaped(notice));
    }
    out.push_str("<p class=\"lead\">");
    for (name, value) in &paper.lead {
        let _ = write!(out, "<span>{}: <b>{}</b></span> ", escaped(name), escaped(value));
    }
    out.push_str("</p>\n<dl>\n");
    for (name, value) in &paper.facts {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
    }
    out.push_str("</dl>\n");
    for section in &paper.sections {
        put(&mut out, section);
    }
    out.push_str("</main>\n");
    if let Some(footer) = &paper.footer {
        let _ = writeln!(out, "<footer>{}</footer>", escaped(footer));
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn put(out: &mut String, section: &Section) {
    let _ = writeln!(out, "<section>\n<h2>{}</h2>", escaped(&section.heading));
    for part in &section.parts {
        match part {
            Part::Text(text) => {
                let _ = writeln!(out, "<p>{}</p>", escaped(text));
            }
            Part::List(lines) => {
                out.push_str("<ul>\n");
                for line in lines {
                    let _ = writeln!(out, "<li>{}</li>", escaped(line));
                }
                out.push_str("</ul>\n");
            }
            Part::Table(one) => table(out, one),
            Part::Chart(one, figures) => {
                chart(out, one);
                let _ = writeln!(out, "<details><summary>{}</summary>", escaped(&figures.caption));
                table(out, figures);
                out.push_str("</details>\n");
            }
        }
    }
    out.push_str("</section>\n");
}

/// A table whose rows begin with what they are about.
fn table(out: &mut String, table: &Table) {
    let _ = writeln!(
        out,
        "<div class=\"wide\"><table>\n<caption>{}</caption>\n<thead><tr>",
        escaped(&table.caption)
    );
    let class = |at: usize| match table.heads.get(at) {
        Some(head) if head.align == Align::Right => " class=\"r\"",
        _ => "",
    };
    for (at, head) in table.heads.iter().enumerate() {
        let _ = match head.text.as_str() {
            // A head without a text is no head.
            "" => write!(out, "<td></td>"),
            text => write!(out, "<th scope=\"col\"{}>{}</th>", class(at), escaped(text)),
        };
    }
    out.push_str("</tr></thead>\n");
    for (tag, rows) in [("tbody", &table.rows), ("tfoot", &table.foot)] {
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<{tag}>");
        for row in rows {
            out.push_str("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let _ = match at {
                    0 => write!(out, "<th scope=\"row\">{}</th>", escaped(cell)),
                    _ => write!(out, "<td{}>{}</td>", class(at), escaped(cell)),
                };
            }
            out.push_str("</tr>\n");
        }
        let _ = writeln!(out, "</{tag}>");
    }
    out.push_str("</table></div>\n");
}

/// The days as bars.
fn chart(out: &mut String, chart: &Chart) {
    let (width, height) = (LEFT + WIDTH, TOP + HEIGHT + BOTTOM);
    let alt = escaped(&chart.alt);
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{alt}\" font-size=\"11\" fill=\"#444\">\n<title>{alt}</title>"
    );
    for (at, (name, colour)) in chart.legend.iter().zip(COLOURS).enumerate() {
        let x = LEFT + 110 * at as u128;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"2\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"11\">{}</text>",
            x + 15,
            escaped(name)
        );
    }
    let top = chart.lines.last().map_or(1, |(value, _)| *value).max(1);
    for (value, label) in &chart.lines {
        let y = tenths((TOP + HEIGHT) * 10 - value.saturating_mul(HEIGHT * 10) / top);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y}H{width}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\">{}</text>",
            LEFT - 6,
            escaped(label)
        );
    }
    let slot = WIDTH * 10 / (chart.bars.len() as u128).max(1);
    for (at, bar) in chart.bars.iter().enumerate() {
        let x = LEFT * 10 + slot * at as u128;
        let _ = write!(out, "<g><title>{}</title>", escaped(&bar.hint));
        let mut bottom = (TOP + HEIGHT) * 10;
        for (value, colour) in bar.values.iter().zip(COLOURS) {
            let high = value.saturating_mul(HEIGHT * 10) / top;
            bottom = bottom.saturating_sub(high);
            if high > 0 {
                let _ = write!(
                    out,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\"/>",
                    tenths(x + slot / 10),
                    tenths(bottom),
                    tenths(slot * 8 / 10),
                    tenths(high)
                );
            }
        }
        out.push_str("</g>\n");
        if chart.shows(at) {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                tenths(x + slot / 2),
                TOP + HEIGHT + 14,
                escaped(&bar.label)
            );
        }
    }
    let _ = writeln!(out, "<path d=\"M{LEFT} {}H{width}\" stroke=\"#444\"/>\n</svg>", TOP + HEIGHT);
}

/// Tenths as a number with a point.
fn tenths(n: u128) -> String {
    match n % 10 {
        0 => (n / 10).to_string(),
        rest => format!("{}.{rest}", n / 10),
    }
}
