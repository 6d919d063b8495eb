//! Columns for people: text to the left, numbers to the right, widths by what is in them.

use super::is_terminal;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table being put together.
#[derive(Debug)]
pub(crate) struct Columns {
    heads: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    /// Rows after which a rule is drawn.
    rules: Vec<usize>,
    bold: bool,
}

impl Columns {
    /// A table with these heads.
    pub(crate) fn new<S: Into<String>>(heads: impl IntoIterator<Item = (S, Align)>) -> Self {
        let heads = heads.into_iter().map(|(head, align)| (head.into(), align)).collect();
        Self { heads, rows: Vec::new(), rules: Vec::new(), bold: is_terminal() }
    }

    /// Without emphasis, wherever it is printed: for mails and files.
    pub(crate) fn plain(self) -> Self {
        Self { bold: false, ..self }
    }

    /// Appends a row.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Draws a rule under what is there.
    pub(crate) fn rule(&mut self) {
        self.rules.push(self.rows.len());
    }

    /// The table, a line a row.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|i| {
                let head = self.heads.get(i).map_or(0, |(h, _)| width(h));
                self.rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).fold(head, usize::max)
            })
            .collect();
        let line = |cells: &[String]| {
            let mut line = String::new();
            for ((cell, width), (_, align)) in cells.iter().zip(&widths).zip(&self.heads) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                pad(&mut line, cell, *width, *align);
            }
            line.trim_end().to_owned() + "\n"
        };
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| head.clone()).collect();
        let mut out =
            if self.bold { format!("\x1b[1m{}\x1b[0m\n", line(&heads).trim_end()) } else { line(&heads) };
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)) + "\n";
        for (i, row) in self.rows.iter().enumerate() {
            if self.rules.contains(&i) {
                out.push_str(&rule);
            }
            out.push_str(&line(row));
        }
        out
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn pad(line: &mut String, cell: &str, to: usize, align: Align) {
    let spaces = " ".repeat(to.saturating_sub(width(cell)));
    match align {
        Align::Left => {
            line.push_str(cell);
            line.push_str(&spaces);
        }
        Align::Right => {
            line.push_str(&spaces);
            line.push_str(cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_contents() {
        let mut table = Columns::new([("tenant", Align::Left), ("in", Align::Right)]);
        table.bold = false;
        table.row(["a", "1,234"]);
        table.rule();
        table.row(["Österreich", "5"]);
        assert_eq!(
            table.render(),
            "tenant         in\na           1,234\n─────────────────\nÖsterreich      5\n"
        );
    }
}
