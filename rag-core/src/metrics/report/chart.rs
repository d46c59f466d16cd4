//! Lines and stacked bars over time, as SVG that takes its colours from the page.

use super::text::{date, escape, moment, number, time};
use std::fmt::Write;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// Colours that are told apart; what is beyond them is added up.
pub(super) const COLOURS: usize = 8;
/// Lines across.
const TICKS: f64 = 4.0;

/// What the numbers are.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unit {
    Seconds,
    Share,
    Count,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    Lines,
    Bars,
}

/// One name's values, a value for each bin.
pub(super) struct Values {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

pub(super) struct Chart<'a> {
    pub title: &'a str,
    pub unit: Unit,
    pub form: Form,
    /// Unix seconds at which each bin begins.
    pub times: Vec<f64>,
    pub series: Vec<Values>,
}

impl Chart<'_> {
    /// The chart with its title and legend; nothing where nothing was.
    pub fn html(mut self) -> String {
        self.series.retain(|s| s.values.iter().any(Option::is_some));
        if self.form == Form::Bars {
            let is_some = |s: &Values| s.values.iter().flatten().any(|v| *v > 0.0);
            self.series.retain(is_some);
        }
        self.fold();
        if self.series.is_empty() {
            return String::new();
        }
        let mut out = String::from("<figure>");
        let _ = write!(out, "<figcaption>{}</figcaption>", escape(self.title));
        self.svg(&mut out);
        out.push_str("<ul class=\"legend\">");
        for (i, series) in self.series.iter().enumerate() {
            let name = escape(&series.name);
            let _ = write!(out, "<li><i class=\"f{i}\"></i>{name}</li>");
        }
        out.push_str("</ul></figure>");
        out
    }

    /// Adds up what is beyond the colours, so that the largest are seen.
    fn fold(&mut self) {
        if self.series.len() <= COLOURS {
            return;
        }
        let sum = |s: &Values| s.values.iter().flatten().sum::<f64>();
        self.series.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
        let rest = self.series.split_off(COLOURS - 1);
        // Lines of shares have no sum.
        if self.form == Form::Bars {
            let total = |bin: usize| {
                let of = rest
                    .iter()
                    .filter_map(|s| s.values.get(bin).copied().flatten());
                of.reduce(|a, b| a + b)
            };
            self.series.push(Values {
                name: format!("{} others", rest.len()),
                values: (0..self.times.len()).map(total).collect(),
            });
        }
    }

    fn most(&self) -> f64 {
        let value = |s: &Values, bin: usize| s.values.get(bin).copied().flatten().unwrap_or(0.0);
        let bins = 0..self.times.len();
        let heights = bins.map(|bin| match self.form {
            Form::Bars => self.series.iter().map(|s| value(s, bin)).sum(),
            Form::Lines => self
                .series
                .iter()
                .map(|s| value(s, bin))
                .fold(0.0, f64::max),
        });
        heights.fold(0.0, f64::max)
    }

    fn svg(&self, out: &mut String) {
        let step = step(match self.unit {
            Unit::Share => self.most().max(0.01),
            _ => self.most(),
        });
        let top = step * (self.most() / step).ceil().max(1.0);
        let bins = self.times.len().max(1) as f64;
        let wide = (WIDTH - LEFT - RIGHT) / bins;
        let high = HEIGHT - TOP - BOTTOM;
        let y = |value: f64| TOP + high * (1.0 - value / top);
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(self.title)
        );
        let mut tick = 0.0;
        while tick <= top * 1.000_1 {
            let at = y(tick);
            let _ = write!(
                out,
                "<line class=\"g\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                number(tick, self.unit)
            );
            tick += step;
        }
        self.hours(out, wide);
        match self.form {
            Form::Lines => self.lines(out, wide, &y),
            Form::Bars => self.bars(out, wide, &y),
        }
        self.tips(out, wide, high);
        out.push_str("</svg>");
    }

    /// How long all of it is, in hours.
    fn span(&self) -> f64 {
        let first = self.times.first().copied().unwrap_or(0.0);
        self.times.last().map_or(0.0, |last| last - first) / 3600.0
    }

    /// A time as it stands below the axis: the hour, the day, or in between both.
    fn label(&self, at: f64) -> String {
        match self.span() {
            hours if hours <= 36.0 => time(at),
            hours if hours <= 8.0 * 24.0 => format!("{} {}", date(at), time(at)),
            _ => date(at),
        }
    }

    fn hours(&self, out: &mut String, wide: f64) {
        let every = self.times.len().div_ceil(5).max(1);
        for (bin, at) in self.times.iter().enumerate().step_by(every) {
            let x = LEFT + wide * (bin as f64 + 0.5);
            // The last may have no room to its right.
            let anchor = if x > WIDTH - RIGHT - 36.0 {
                "end"
            } else {
                "middle"
            };
            let _ = write!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                HEIGHT - 8.0,
                self.label(*at)
            );
        }
    }

    fn lines(&self, out: &mut String, wide: f64, y: &dyn Fn(f64) -> f64) {
        for (i, series) in self.series.iter().enumerate() {
            let points = series.values.iter().enumerate();
            let points: Vec<Option<(f64, f64)>> = points
                .map(|(bin, v)| v.map(|v| (LEFT + wide * (bin as f64 + 0.5), y(v))))
                .collect();
            // A line is broken where nothing is known; a point alone is a dot.
            for run in points.split(Option::is_none) {
                let run: Vec<String> = run
                    .iter()
                    .flatten()
                    .map(|(x, y)| format!("{x:.1},{y:.1}"))
                    .collect();
                match &run[..] {
                    [] => {}
                    [alone] => {
                        let (x, y) = alone.split_once(',').unwrap_or_default();
                        let _ = write!(
                            out,
                            "<circle class=\"f{i}\" cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/>"
                        );
                    }
                    run => {
                        let points = run.join(" ");
                        let _ = write!(out, "<polyline class=\"l{i}\" points=\"{points}\"/>");
                    }
                }
            }
        }
    }

    fn bars(&self, out: &mut String, wide: f64, y: &dyn Fn(f64) -> f64) {
        let thick = (wide * 0.8).clamp(0.5, 40.0);
        for bin in 0..self.times.len() {
            let x = LEFT + wide * (bin as f64 + 0.5) - thick / 2.0;
            let mut below = 0.0;
            for (i, series) in self.series.iter().enumerate() {
                let value = series.values.get(bin).copied().flatten().unwrap_or(0.0);
                if value > 0.0 {
                    let (from, to) = (y(below), y(below + value));
                    let _ = write!(
                        out,
                        "<rect class=\"f{i}\" x=\"{x:.1}\" y=\"{to:.1}\" width=\"{thick:.1}\" height=\"{:.1}\"/>",
                        (from - to).max(0.3)
                    );
                    below += value;
                }
            }
        }
    }

    /// What a mouse that rests on a bin is told.
    fn tips(&self, out: &mut String, wide: f64, high: f64) {
        for (bin, at) in self.times.iter().enumerate() {
            let values = self.series.iter().filter_map(|s| {
                let value = s.values.get(bin).copied().flatten()?;
                Some(format!(
                    "\n{}: {}",
                    escape(&s.name),
                    number(value, self.unit)
                ))
            });
            let values: String = values.collect();
            if !values.is_empty() {
                let x = LEFT + wide * bin as f64;
                let when = moment(*at);
                let _ = write!(
                    out,
                    "<rect class=\"t\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{wide:.1}\" height=\"{high:.1}\">\
                     <title>{when}{values}</title></rect>"
                );
            }
        }
    }
}

/// A round step that divides what is up to `most` into about [`TICKS`].
fn step(most: f64) -> f64 {
    let rough = most / TICKS;
    if !(rough > 0.0 && rough.is_finite()) {
        return 1.0;
    }
    let unit = 10f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 2.5, 5.0].into_iter().find(|t| t * unit >= rough);
    times.unwrap_or(10.0) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (most, want) in [
            (1.0, 0.25),
            (0.9, 0.25),
            (7.0, 2.0),
            (1000.0, 250.0),
            (0.0, 1.0),
            (f64::NAN, 1.0),
        ] {
            assert_eq!(step(most), want, "{most}");
        }
        for i in 1..1000 {
            let most = f64::from(i) * 0.37;
            let n = most / step(most);
            assert!((1.0..=TICKS).contains(&n), "{most}");
        }
    }
}
