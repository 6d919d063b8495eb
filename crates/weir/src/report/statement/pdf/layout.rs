//! A paper put onto pages.

use super::super::{Chart, Paper, Part, Section, Table};
use super::font::Fonts;
use super::page::{BLACK, BOTTOM, Colour, GREY, HEIGHT, LEFT, LINE, Look, PALE, RIGHT, Sheets};
use crate::report::table::Align;
use crate::statement::language::fill;
use pdf_writer::types::StructRole as Role;

/// From one base line to the next, of text of 9 points.
const LEADING: i32 = 1_220;
/// Room beside the cells of a table.
const GAP: i32 = 750;
/// A column of sentences is at least so wide.
const NARROW: i32 = 9_000;
const TEXT: Look = Look::book(900);
const CELL: Look = Look::book(820);
const BOLD_CELL: Look = Look::bold(820);
const SMALL: Look = Look::grey(720);
/// The chart's height, and the room for the numbers beside it.
const CHART: i32 = 7_800;
const CHART_LEFT: i32 = 4_400;
/// As on the page for a browser.
const COLOURS: [Colour; 2] = [[0x00, 0x72, 0xb2], [0xe6, 0x9f, 0x00]];
const WARNING: Colour = [0xb4, 0x53, 0x09];
const WARNING_PALE: Colour = [0xff, 0xf7, 0xed];

/// The pages of a paper.
pub(super) fn lay(paper: &Paper, fonts: &'static Fonts) -> Sheets {
    let mut sheets = Sheets::new(fonts);
    head(&mut sheets, paper);
    for notice in &paper.notices {
        self::notice(&mut sheets, notice);
    }
    lead(&mut sheets, paper);
    facts(&mut sheets, paper);
    for section in &paper.sections {
        self::section(&mut sheets, section);
    }
    foot(&mut sheets, paper);
    sheets
}

/// The title, and who sends it.
fn head(sheets: &mut Sheets, paper: &Paper) {
    let title = sheets.element(Role::H1, None);
    let look = Look::bold(1_700);
    let widest =
        paper.issuer.iter().map(|line| sheets.width(line, Look::grey(800))).max().unwrap_or_default();
    let room = (RIGHT - LEFT - widest - 1_500).max(NARROW);
    let lines = sheets.wrapped(&paper.title, look, room);
    let mut y = sheets.y + 1_300;
    for line in &lines {
        sheets.text(LEFT, y, look, line, Some(title));
        y += 2_100;
    }
    let sender = (!paper.issuer.is_empty()).then(|| sheets.element(Role::P, None));
    let mut beside = sheets.y + 700;
    for line in &paper.issuer {
        sheets.text_to(RIGHT, beside, Look::grey(800), line, sender);
        beside += 1_050;
    }
    sheets.y = (y - 1_400).max(beside - 600);
    sheets.fill((LEFT, sheets.y), (RIGHT - LEFT, 120), BLACK, None);
    sheets.y += 900;
}

fn notice(sheets: &mut Sheets, notice: &str) {
    let look = Look::bold(900);
    let lines = sheets.wrapped(notice, look, RIGHT - LEFT - 1_600);
    let height = LEADING * count(lines.len()) + 900;
    let element = sheets.element(Role::P, None);
    sheets.make_room(height);
    sheets.fill((LEFT, sheets.y), (RIGHT - LEFT, height), WARNING_PALE, None);
    sheets.fill((LEFT, sheets.y), (300, height), WARNING, None);
    let mut y = sheets.y + 1_250;
    for line in &lines {
        sheets.text(LEFT + 900, y, look, line, Some(element));
        y += LEADING;
    }
    sheets.y += height + 700;
}

/// The totals, large.
fn lead(sheets: &mut Sheets, paper: &Paper) {
    let (name_look, look) = (Look::grey(1_050), Look::bold(1_250));
    let mut x = LEFT;
    sheets.y += 1_000;
    for (name, value) in &paper.lead {
        let element = sheets.element(Role::P, None);
        let name = format!("{name}: ");
        let widths = [sheets.width(&name, name_look), sheets.width(value, look)];
        if x > LEFT && x + widths.iter().sum::<i32>() > RIGHT {
            x = LEFT;
            sheets.y += 1_700;
        }
        sheets.text(x, sheets.y, name_look, &name, Some(element));
        sheets.text(x + widths[0], sheets.y, look, value, Some(element));
        x += widths.iter().sum::<i32>() + 2_400;
    }
    sheets.y += 900;
}

/// Names and what they are.
fn facts(sheets: &mut Sheets, paper: &Paper) {
    let grey = Look::grey(900);
    let names = paper.facts.iter().map(|(name, _)| sheets.width(name, grey)).max().unwrap_or_default();
    let x = LEFT + names + 1_000;
    for (name, value) in &paper.facts {
        let element = sheets.element(Role::P, None);
        let lines = sheets.wrapped(value, TEXT, RIGHT - x);
        sheets.make_room(LEADING * count(lines.len()));
        sheets.text(LEFT, sheets.y + 900, grey, &format!("{name} "), Some(element));
        for line in &lines {
            sheets.text(x, sheets.y + 900, TEXT, line, Some(element));
            sheets.y += LEADING;
        }
    }
}

fn section(sheets: &mut Sheets, section: &Section) {
    // A heading is not left alone at the foot of a page.
    let follows = match section.parts.first() {
        Some(Part::Chart(..)) => CHART + 3_000,
        _ => 4 * LEADING,
    };
    sheets.make_room(2_600 + follows);
    let heading = sheets.element(Role::H2, None);
    sheets.y += 1_800;
    sheets.text(LEFT, sheets.y, Look::bold(1_080), &section.heading, Some(heading));
    sheets.y += 400;
    sheets.fill((LEFT, sheets.y), (RIGHT - LEFT, 60), LINE, None);
    sheets.y += 450;
    for part in &section.parts {
        match part {
            Part::Text(text) => paragraph(sheets, text, 0, Role::P, None),
            Part::List(lines) => {
                let list = sheets.element(Role::L, None);
                for line in lines {
                    let item = sheets.element(Role::LI, Some(list));
                    paragraph(sheets, line, 800, Role::LBody, Some(item));
                }
            }
            Part::Table(one) => table(sheets, one),
            Part::Chart(one, _) => chart(sheets, one),
        }
    }
}

/// Sentences; with a dash before them, if there is room for one.
fn paragraph(sheets: &mut Sheets, text: &str, indent: i32, role: Role, parent: Option<usize>) {
    let element = sheets.element(role, parent);
    for (at, line) in sheets.wrapped(text, TEXT, RIGHT - LEFT - indent).iter().enumerate() {
        sheets.make_room(LEADING);
        let y = sheets.y + 950;
        if at == 0 && indent > 0 {
            sheets.text(LEFT, y, TEXT, "–", None);
        }
        // With a space, so that lines read aloud do not run into each other.
        sheets.text(LEFT + indent, y, TEXT, &format!("{line} "), Some(element));
        sheets.y += LEADING;
    }
    sheets.y += 150;
}

/// A table while it is laid out.
struct Grid<'a> {
    table: &'a Table,
    widths: Vec<i32>,
    element: usize,
}

/// What a row of a table is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Head,
    /// Repeated on the next page, and not read aloud again.
    HeadAgain,
    Body {
        is_shaded: bool,
    },
    Foot {
        is_last: bool,
    },
}

fn table(sheets: &mut Sheets, table: &Table) {
    let element = sheets.element(Role::Table, None);
    let grid = Grid { table, widths: widths(sheets, table), element };
    let heads: Vec<String> = table.heads.iter().map(|head| head.text.clone()).collect();
    row(sheets, &grid, &heads, Row::Head);
    for (at, cells) in table.rows.iter().enumerate() {
        row(sheets, &grid, cells, Row::Body { is_shaded: at % 2 == 1 });
    }
    for (at, cells) in table.foot.iter().enumerate() {
        row(sheets, &grid, cells, Row::Foot { is_last: at + 1 == table.foot.len() });
    }
    sheets.y += 300;
}

/// How wide each column is: as wide as what is in it, and all together as wide as the page. What is too wide is taken
/// from columns of sentences and from the first, which are broken into lines.
fn widths(sheets: &Sheets, table: &Table) -> Vec<i32> {
    let rows = table.rows.iter().chain(&table.foot);
    let mut widths: Vec<i32> = table.heads.iter().map(|head| sheets.width(&head.text, BOLD_CELL)).collect();
    for cells in rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(sheets.width(cell, BOLD_CELL));
        }
    }
    let room = RIGHT - LEFT - GAP * (count(widths.len()) - 1).max(0);
    let may_break = |at: usize| at == 0 || table.heads.get(at).is_some_and(|head| head.is_long);
    let mut excess = widths.iter().fold(0i32, |sum, width| sum.saturating_add(*width)) - room;
    while excess > 0 {
        let widest = (0..widths.len()).filter(|at| may_break(*at)).max_by_key(|at| widths.get(*at).copied());
        let Some(width) = widest.and_then(|at| widths.get_mut(at)).filter(|width| **width > NARROW) else {
            break;
        };
        let less = excess.min(*width - NARROW).min((*width / 4).max(100));
        *width -= less;
        excess -= less;
    }
    if let (Some(widest), true) = (widths.iter_mut().enumerate().rfind(|(at, _)| may_break(*at)), excess < 0)
    {
        *widest.1 -= excess;
    }
    widths
}

fn row(sheets: &mut Sheets, grid: &Grid<'_>, cells: &[String], kind: Row) {
    let look = match kind {
        Row::Head | Row::HeadAgain | Row::Foot { is_last: true } => BOLD_CELL,
        Row::Body { .. } | Row::Foot { is_last: false } => CELL,
    };
    let lines: Vec<Vec<String>> =
        cells.iter().zip(&grid.widths).map(|(cell, width)| sheets.wrapped(cell, look, *width)).collect();
    let height = 1_050 * count(lines.iter().map(Vec::len).max().unwrap_or(1).max(1)) + 250;
    let is_again = matches!(kind, Row::Body { .. } | Row::Foot { .. });
    if sheets.make_room(height) && is_again {
        let heads: Vec<String> = grid.table.heads.iter().map(|head| head.text.clone()).collect();
        row(sheets, grid, &heads, Row::HeadAgain);
    }
    let (top, whole) = (sheets.y, RIGHT - LEFT);
    match kind {
        Row::Head | Row::HeadAgain => sheets.fill((LEFT, top + height - 60), (whole, 60), GREY, None),
        Row::Body { is_shaded: true } => sheets.fill((LEFT, top), (whole, height), PALE, None),
        Row::Body { is_shaded: false } => {}
        Row::Foot { .. } => sheets.fill((LEFT, top), (whole, 50), LINE, None),
    }
    let element = (kind != Row::HeadAgain).then(|| sheets.element(Role::TR, Some(grid.element)));
    let mut x = LEFT;
    for (at, (lines, width)) in lines.iter().zip(&grid.widths).enumerate() {
        let role = if at == 0 || kind == Row::Head { Role::TH } else { Role::TD };
        let cell = element.map(|row| sheets.element(role, Some(row)));
        let mut y = top + 900;
        for line in lines {
            match grid.table.heads.get(at).map(|head| head.align) {
                Some(Align::Right) => sheets.text_to(x + width, y, look, line, cell),
                _ => sheets.text(x, y, look, line, cell),
            }
            y += 1_050;
        }
        x += width + GAP;
    }
    sheets.y += height;
}

/// The days as bars.
fn chart(sheets: &mut Sheets, chart: &Chart) {
    sheets.make_room(CHART + 3_000);
    let figure = sheets.element(Role::Figure, None);
    if let Some(element) = sheets.elements.get_mut(figure) {
        element.alt = Some(chart.alt.clone());
    }
    let of = Some(figure);
    let (left, mut x) = (LEFT + CHART_LEFT, LEFT + CHART_LEFT);
    sheets.y += 900;
    for (name, colour) in chart.legend.iter().zip(COLOURS) {
        sheets.fill((x, sheets.y - 650), (700, 700), colour, of);
        sheets.text(x + 1_000, sheets.y, SMALL, name, of);
        x += sheets.width(name, SMALL) + 2_500;
    }
    let bottom = sheets.y + 900 + CHART;
    let top = chart.lines.last().map_or(1, |(value, _)| *value).max(1);
    // The largest is no higher than the top line.
    let high =
        |value: u128| i32::try_from(value.min(top) * CHART.unsigned_abs() as u128 / top).unwrap_or_default();
    for (value, label) in &chart.lines {
        let y = bottom - high(*value);
        sheets.fill((left, y), (RIGHT - left, 30), LINE, of);
        sheets.text_to(left - 500, y + 250, SMALL, label, of);
    }
    let slot = (RIGHT - left) / count(chart.bars.len()).max(1);
    for (at, bar) in chart.bars.iter().enumerate() {
        let x = left + slot * count(at);
        let mut y = bottom;
        for (value, colour) in bar.values.iter().zip(COLOURS) {
            let height = high(*value);
            y -= height;
            if height > 0 {
                sheets.fill((x + slot / 10, y), (slot * 8 / 10, height), colour, of);
            }
        }
        if chart.shows(at) {
            let middle = x + slot / 2 - sheets.width(&bar.label, SMALL) / 2;
            sheets.text(middle, bottom + 950, SMALL, &bar.label, of);
        }
    }
    sheets.fill((left, bottom), (RIGHT - left, 50), GREY, of);
    sheets.y = bottom + 1_500;
}

/// What stands under every page.
fn foot(sheets: &mut Sheets, paper: &Paper) {
    let pages = sheets.pages.len();
    let room = (RIGHT - LEFT) * 3 / 4;
    let about = match &paper.footer {
        Some(footer) => format!("{} · {footer}", paper.subject),
        None => paper.subject.clone(),
    };
    let mut lines = sheets.wrapped(&about, SMALL, room);
    lines.truncate(2);
    let done = std::mem::take(&mut sheets.pages);
    for (at, page) in done.into_iter().enumerate() {
        sheets.pages.push(page);
        let values = [("page", (at + 1).to_string()), ("pages", pages.to_string())];
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let number = fill(paper.language.words().page, &values);
        let mut y = HEIGHT - 3_600;
        sheets.fill((LEFT, BOTTOM + 900), (RIGHT - LEFT, 40), LINE, None);
        sheets.text_to(RIGHT, y, SMALL, &number, None);
        for line in &lines {
            sheets.text(LEFT, y, SMALL, line, None);
            y += 900;
        }
    }
}

/// So many, as places are counted.
fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX / 10_000)
}
