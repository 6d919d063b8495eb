//! A paper as plain text: for mails, terminals and printers that know nothing else.

use super::{Chart, Paper, Part, Table};
use crate::report::number::bar;
use crate::report::table::Columns;

/// Sentences are broken before this column.
const WIDTH: usize = 100;
/// And in a column of sentences, after so many characters.
const LONG: usize = 56;
/// A bar of a whole day's width.
const BAR: usize = 30;

/// The whole text. After notices, if there are any, the first line is the total that came in.
pub(crate) fn render(paper: &Paper) -> String {
    let mut out = String::new();
    for notice in &paper.notices {
        out.push_str(&wrapped(notice, "! ", "  "));
    }
    if !paper.notices.is_empty() {
        out.push('\n');
    }
    for (name, value) in &paper.lead {
        out.push_str(&format!("{name}: {value}\n"));
    }
    out.push_str(&format!("\n{}\n{}\n\n", paper.title, "=".repeat(paper.title.chars().count())));
    for line in &paper.issuer {
        out.push_str(&format!("{line}\n"));
    }
    if !paper.issuer.is_empty() {
        out.push('\n');
    }
    let names = paper.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, value) in &paper.facts {
        let pad = " ".repeat(names - name.chars().count());
        out.push_str(&wrapped(value, &format!("{name}{pad}  "), &" ".repeat(names + 2)));
    }
    for section in &paper.sections {
        let heading = &section.heading;
        out.push_str(&format!("\n{heading}\n{}\n", "-".repeat(heading.chars().count())));
        for part in &section.parts {
            match part {
                Part::Text(text) => out.push_str(&wrapped(text, "", "")),
                Part::List(lines) => lines.iter().for_each(|line| out.push_str(&wrapped(line, "- ", "  "))),
                Part::Table(table) => out.push_str(&columns(table, &[]).plain().render()),
                Part::Chart(chart, table) => out.push_str(&columns(table, &bars(chart)).plain().render()),
            }
        }
    }
    if let Some(footer) = &paper.footer {
        out.push_str(&format!("\n{footer}\n"));
    }
    out
}

/// A table, with a bar behind each row if there are any.
fn columns(table: &Table, bars: &[String]) -> Columns {
    let last = (!bars.is_empty()).then(|| (String::new(), crate::report::table::Align::Left));
    let heads = table.heads.iter().map(|head| (head.text.clone(), head.align)).chain(last);
    let mut columns = Columns::new(heads);
    for (at, row) in table.rows.iter().enumerate() {
        let row: Vec<String> = row.iter().chain(bars.get(at)).cloned().collect();
        lines(table, &row).into_iter().for_each(|line| columns.row(line));
    }
    if !table.foot.is_empty() {
        columns.rule();
        table.foot.iter().flat_map(|row| lines(table, row)).for_each(|line| columns.row(line));
    }
    columns
}

/// A row in as many lines as its longest sentence needs; all else stands in the first.
fn lines(table: &Table, row: &[String]) -> Vec<Vec<String>> {
    let cells: Vec<Vec<String>> = row
        .iter()
        .enumerate()
        .map(|(at, cell)| match table.heads.get(at) {
            Some(head) if head.is_long => broken(cell, "", "", LONG),
            _ => vec![cell.clone()],
        })
        .collect();
    let count = cells.iter().map(Vec::len).max().unwrap_or_default();
    let line = |at: usize| cells.iter().map(|cell| cell.get(at).cloned().unwrap_or_default()).collect();
    (0..count).map(line).collect()
}

/// The bars of a chart, the largest as wide as there is room.
fn bars(chart: &Chart) -> Vec<String> {
    let sums: Vec<u128> = chart.bars.iter().map(|bar| bar.values.iter().sum()).collect();
    let largest = sums.iter().copied().max().unwrap_or_default();
    sums.iter().map(|sum| bar(*sum, largest, BAR)).collect()
}

/// A sentence in lines that are not too wide: the first begins with one text, the others with another.
fn wrapped(sentence: &str, first: &str, others: &str) -> String {
    broken(sentence, first, others, WIDTH).into_iter().map(|line| line + "\n").collect()
}

fn broken(sentence: &str, first: &str, others: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_begun = false;
    for word in sentence.split(' ') {
        if is_begun && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, others.to_owned()));
            is_begun = false;
        }
        if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_at_words() {
        let text = wrapped(&"word ".repeat(41), "- ", "  ");
        let widths: Vec<usize> = text.lines().map(str::len).collect();
        // "- " and 19 words of 4 with 18 spaces are 96; one more would be 101.
        assert_eq!(widths, [96, 96, 16]);
        assert_eq!(wrapped("short", "! ", "  "), "! short\n");
    }
}
