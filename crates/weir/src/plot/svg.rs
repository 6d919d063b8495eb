//! The picture itself.

use super::axis;
use super::{Plot, Shape};
use std::fmt::Write;

const WIDTH: i64 = 960;
const LEFT: i64 = 84;
const RIGHT: i64 = 24;
const TOP: i64 = 44;
const HEIGHT: i64 = 300;
/// A line of the legend.
const LINE: i64 = 20;
/// Names of so many characters stand beside each other in the legend.
const NAME_CHARS: usize = 40;

/// Colours that people tell apart, also those who see fewer (Okabe and Ito); grey is for the others.
const COLOURS: [&str; 8] =
    ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#5D3A9B"];
const GREY: &str = "#999999";
/// The name of what is not among the groups.
pub(super) const OTHERS: &str = "others";

/// The whole file.
pub(crate) fn render(plot: &Plot<'_>) -> String {
    let ticks = axis::values(plot.largest());
    let scale = Scale { plot, top: ticks.last().copied().unwrap_or(1) };
    let rows = i64::try_from(plot.layers.len().div_ceil(2)).unwrap_or_default();
    let height = TOP + HEIGHT + 48 + rows * LINE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\" \
         data-from=\"{}\" data-to=\"{}\" data-top=\"{}\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" fill=\"#222\">{}</text>\n",
        plot.span.start,
        plot.span.end,
        scale.top,
        escaped(&plot.title),
        escaped(&plot.title),
    );
    axes(&mut out, &scale, &ticks);
    for (at, layer) in plot.layers.iter().enumerate() {
        draw(&mut out, &scale, at, &layer.name);
    }
    legend(&mut out, plot);
    out.push_str("</svg>\n");
    out
}

/// From instants and values to places.
struct Scale<'a> {
    plot: &'a Plot<'a>,
    /// The value at the top edge.
    top: u128,
}

impl Scale<'_> {
    /// The place of an instant, in hundredths.
    fn x(&self, ms: i64) -> i64 {
        let span = i128::from(self.plot.span.end) - i128::from(self.plot.span.start);
        let room = i128::from((WIDTH - LEFT - RIGHT) * 100);
        let at =
            i128::from(ms.clamp(self.plot.span.start, self.plot.span.end)) - i128::from(self.plot.span.start);
        i64::try_from(at * room / span.max(1)).unwrap_or_default() + LEFT * 100
    }

    /// The place of a value, in hundredths.
    fn y(&self, value: u128) -> i64 {
        let room = u128::from((HEIGHT * 100).unsigned_abs());
        let up = value.min(self.top).saturating_mul(room) / self.top.max(1);
        (TOP + HEIGHT) * 100 - i64::try_from(up).unwrap_or_default()
    }
}

/// Hundredths, as a number with a point.
fn place(hundredths: i64) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        rest => format!("{}.{rest:02}", hundredths / 100),
    }
}

fn axes(out: &mut String, scale: &Scale<'_>, ticks: &[u128]) {
    let right = WIDTH - RIGHT;
    for value in ticks {
        let y = place(scale.y(*value));
        // Writing into a string does not fail.
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\" fill=\"#444\">{}</text>",
            LEFT - 8,
            axis::label(*value, scale.plot.unit)
        );
    }
    let bottom = TOP + HEIGHT;
    for tick in axis::times(scale.plot, 10) {
        let x = place(scale.x(tick.at));
        let _ = writeln!(
            out,
            "<line class=\"tick\" data-at=\"{}\" x1=\"{x}\" x2=\"{x}\" y1=\"{bottom}\" y2=\"{}\" stroke=\"#444\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">{}</text>",
            tick.at,
            bottom + 5,
            bottom + 20,
            tick.label
        );
    }
    let _ = writeln!(
        out,
        "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\" stroke=\"#444\"/>\
         <text x=\"{right}\" y=\"{}\" text-anchor=\"end\" fill=\"#888\">{}</text>",
        bottom + 38,
        escaped(scale.plot.zone.name())
    );
}

fn colour(at: usize, name: &str) -> &'static str {
    if name == OTHERS { GREY } else { COLOURS.get(at % COLOURS.len()).copied().unwrap_or(GREY) }
}

/// A layer: a path for each stretch of steps without a gap.
fn draw(out: &mut String, scale: &Scale<'_>, at: usize, name: &str) {
    let extents = scale.plot.extents(at);
    let colour = colour(at, name);
    let _ = writeln!(out, "<g class=\"layer\" data-name=\"{}\">", escaped(name));
    let mut step = 0;
    while step < extents.len() {
        let stretch: Vec<(usize, (u128, u128))> = extents
            .iter()
            .enumerate()
            .skip(step)
            .map_while(|(step, extent)| extent.map(|extent| (step, extent)))
            .collect();
        step += stretch.len().max(1);
        if stretch.is_empty() {
            continue;
        }
        let d = path(scale, &stretch);
        let _ = match scale.plot.shape {
            Shape::Area => writeln!(out, "<path d=\"{d}\" fill=\"{colour}\" fill-opacity=\"0.85\"/>"),
            Shape::Line => {
                writeln!(out, "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>")
            }
        };
    }
    out.push_str("</g>\n");
}

/// Along the tops of the steps; of an area, back along the bottoms.
fn path(scale: &Scale<'_>, stretch: &[(usize, (u128, u128))]) -> String {
    let start = |step: usize| scale.plot.steps.get(step).copied().unwrap_or(scale.plot.span.start);
    let corners = |step: usize| [start(step), scale.plot.end(step)].map(|ms| place(scale.x(ms)));
    let mut d = String::new();
    for (i, (step, (_, top))) in stretch.iter().enumerate() {
        let ([left, right], y) = (corners(*step), place(scale.y(*top)));
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(d, "{command}{left},{y} L{right},{y} ");
    }
    if scale.plot.shape == Shape::Area {
        for (step, (bottom, _)) in stretch.iter().rev() {
            let ([left, right], y) = (corners(*step), place(scale.y(*bottom)));
            let _ = write!(d, "L{right},{y} L{left},{y} ");
        }
        d.push('Z');
    }
    d.trim_end().to_owned()
}

fn legend(out: &mut String, plot: &Plot<'_>) {
    let column = (WIDTH - LEFT - RIGHT) / 2;
    for (at, layer) in plot.layers.iter().enumerate() {
        let place = i64::try_from(at).unwrap_or_default();
        let (x, y) = (LEFT + place % 2 * column, TOP + HEIGHT + 52 + place / 2 * LINE);
        let mut name: String = layer.name.chars().take(NAME_CHARS).collect();
        if name.len() < layer.name.len() {
            name.push('…');
        }
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"#222\">{}</text>",
            y - 10,
            colour(at, &layer.name),
            x + 18,
            y,
            escaped(&name)
        );
    }
}

/// Text for XML; what no XML may hold is left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Layer;
    use super::*;
    use weir_account::Zone;
    use weir_query::Civil;

    fn plot<'a>(zone: &'a Zone, civil: &'a Civil, shape: Shape) -> Plot<'a> {
        let layer =
            |name: &str, values: [Option<u128>; 4]| Layer { name: name.into(), values: values.into() };
        Plot {
            title: "a <b> & c".into(),
            unit: "bit/s",
            shape,
            zone,
            civil,
            span: 0..1_200_000,
            steps: vec![0, 300_000, 600_000, 900_000],
            layers: vec![
                layer("a", [Some(50), Some(100), None, Some(25)]),
                layer(OTHERS, [Some(50), Some(0), None, Some(75)]),
            ],
        }
    }

    #[test]
    fn layers_stand_on_each_other_and_what_is_missing_is_a_gap() {
        let (zone, civil) = (Zone::utc(), Civil::default());
        let svg = render(&plot(&zone, &civil, Shape::Area));
        // 852 wide from 84, 300 high down to 344; the top is 100. Half of that is 150 high.
        for path in [
            "M84,194 L297,194 L297,44 L510,44 L510,344 L297,344 L297,344 L84,344 Z",
            "M723,269 L936,269 L936,344 L723,344 Z",
            "M84,44 L297,44 L297,44 L510,44 L510,44 L297,44 L297,194 L84,194 Z",
            "M723,44 L936,44 L936,269 L723,269 Z",
        ] {
            assert!(svg.contains(&format!("d=\"{path}\"")), "{path} in {svg}");
        }
        assert_eq!(svg.matches("<path").count(), 4);
        assert!(svg.contains("<title>a &lt;b&gt; &amp; c</title>") && svg.contains("data-top=\"100\""));
        assert!(svg.contains(GREY) && svg.contains("40 bit/s"));
        let lines = render(&plot(&zone, &civil, Shape::Line));
        assert!(lines.contains("d=\"M84,194 L297,194 L297,344 L510,344\""), "others by themselves");
    }
}
