//! Why a route was chosen, as data and as sentences.

use serde_json::{Map, Value, json};
use std::fmt;

/// What became of a route in one decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// It was chosen.
    Chosen,
    /// On the front, but further from what was asked for.
    OnFront,
    /// Another route is at least as good in everything and better in something.
    Dominated,
    /// It is expected to cost more than the budget.
    OverBudget,
    /// The caller excluded it.
    Excluded,
    /// It failed, and is tried again at this time.
    Failing(f64),
    /// It was asked as often as it may be, and has room again at this time.
    Limited(f64),
    /// The policy had no eye for it.
    Passed,
}

impl Standing {
    /// One word, the same in every language.
    pub const fn name(&self) -> &'static str {
        match self {
            Standing::Chosen => "chosen",
            Standing::OnFront => "on_front",
            Standing::Dominated => "dominated",
            Standing::OverBudget => "over_budget",
            Standing::Excluded => "excluded",
            Standing::Failing(_) => "failing",
            Standing::Limited(_) => "limited",
            Standing::Passed => "passed",
        }
    }

    /// When a route that was left out for now can be asked again, in seconds since 1970.
    pub const fn until(&self) -> Option<f64> {
        match self {
            Standing::Failing(at) | Standing::Limited(at) => Some(*at),
            _ => None,
        }
    }
}

/// One route in one decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    /// The route.
    pub name: String,
    /// What became of it.
    pub standing: Standing,
    /// What it was expected to bring, in the order of [`Why::objectives`]; empty if it was left out
    /// before anyone asked.
    pub expected: Vec<f64>,
    /// The standard deviations of those expectations.
    pub sd: Vec<f64>,
    /// With `explore`: the draws that it was chosen or passed over by.
    pub drawn: Vec<f64>,
    /// On the front: its largest weighted loss, or under the linear trade its negated weighted sum.
    /// The smallest was chosen.
    pub loss: Option<f64>,
}

/// What each part said of one outcome of the chosen route.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The objective.
    pub objective: String,
    /// Each head's expectation, by its name; none without examples.
    pub heads: Vec<(&'static str, f64)>,
    /// What is believed from examples and priors.
    pub believed: f64,
    /// What the outcomes of earlier choices add to that.
    pub residual: f64,
}

/// Why a route was chosen. Printed, it is a few plain lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// Who chose.
    pub policy: &'static str,
    /// How weights became a choice.
    pub trade: &'static str,
    /// The objectives that something is known about, and what each weighed.
    pub objectives: Vec<(String, f64)>,
    /// The most that the choice might cost.
    pub budget: Option<f64>,
    /// Whether draws from the posterior decided.
    pub explored: bool,
    /// Every route, in alphabetical order.
    pub routes: Vec<Considered>,
    /// What the heads said of the chosen route.
    pub spoken: Vec<Spoken>,
    /// Examples that the query was compared with, and how many of them spoke.
    pub examples: usize,
    /// The neighbours that spoke.
    pub neighbours: usize,
    /// The cosine of the nearest of them.
    pub nearest: Option<f64>,
}

impl Why {
    /// Everything as JSON: an object with the fields of [`Why`]; a standing is its name, with `until`
    /// beside it.
    pub fn to_json(&self) -> String {
        let named = |values: &[f64]| -> Map<String, Value> {
            let pairs = self.objectives.iter().zip(values);
            pairs.map(|((o, _), v)| (o.clone(), json!(v))).collect()
        };
        let route = |r: &Considered| {
            json!({
                "name": r.name, "standing": r.standing.name(), "until": r.standing.until(),
                "expected": named(&r.expected), "sd": named(&r.sd), "drawn": named(&r.drawn),
                "loss": r.loss,
            })
        };
        let spoken = |s: &Spoken| {
            let heads: Map<String, Value> = s
                .heads
                .iter()
                .map(|(n, v)| ((*n).to_owned(), json!(v)))
                .collect();
            json!({
                "objective": s.objective, "heads": heads, "believed": s.believed,
                "residual": s.residual,
            })
        };
        let weights: Vec<f64> = self.objectives.iter().map(|(_, w)| *w).collect();
        json!({
            "policy": self.policy, "trade": self.trade, "weights": named(&weights),
            "budget": self.budget, "explored": self.explored,
            "routes": self.routes.iter().map(route).collect::<Vec<_>>(),
            "spoken": self.spoken.iter().map(spoken).collect::<Vec<_>>(),
            "examples": self.examples, "neighbours": self.neighbours, "nearest": self.nearest,
        })
        .to_string()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = |values: &[f64]| {
            let named = self.objectives.iter().zip(values);
            let each: Vec<String> = named
                .map(|((o, _), v)| format!("{o} {}", Short(*v)))
                .collect();
            each.join(", ")
        };
        for route in &self.routes {
            if route.standing != Standing::Chosen {
                continue;
            }
            write!(f, "{}: expected {}", route.name, numbers(&route.expected))?;
            if self.explored {
                write!(f, "; drawn to explore {}", numbers(&route.drawn))?;
            }
            writeln!(f)?;
        }
        match self.policy {
            "learned" => {
                let weights: Vec<f64> = self.objectives.iter().map(|(_, w)| *w).collect();
                writeln!(f, "weights: {} ({})", numbers(&weights), self.trade)?;
            }
            other => writeln!(f, "policy: {other}")?,
        }
        for spoken in &self.spoken {
            write!(
                f,
                "{}: {} believed",
                spoken.objective,
                Short(spoken.believed)
            )?;
            if !spoken.heads.is_empty() {
                let say = |(name, v): &(&str, f64)| format!("{name} {}", Short(*v));
                let heads: Vec<String> = spoken.heads.iter().map(say).collect();
                write!(f, " ({})", heads.join(", "))?;
            }
            writeln!(f, ", {:+} by what was chosen since", Short(spoken.residual))?;
        }
        if let Some(nearest) = self.nearest {
            writeln!(
                f,
                "{} of {} examples are near, the nearest at a cosine of {nearest:.3}",
                self.neighbours, self.examples
            )?;
        }
        for route in &self.routes {
            let expected = numbers(&route.expected);
            let name = &route.name;
            match route.standing {
                Standing::Chosen => {}
                Standing::OnFront => {
                    write!(f, "{name}: on the front, {expected}")?;
                    if let Some(loss) = route.loss {
                        write!(f, "; loss {}", Short(loss))?;
                        let chosen = self.routes.iter().find(|r| r.standing == Standing::Chosen);
                        if let Some(least) = chosen.and_then(|r| r.loss) {
                            write!(f, " against {}", Short(least))?;
                        }
                    }
                    writeln!(f)?;
                }
                Standing::Dominated => writeln!(f, "{name}: dominated, {expected}")?,
                Standing::OverBudget => {
                    let budget = self.budget.unwrap_or(f64::NAN);
                    writeln!(
                        f,
                        "{name}: over the budget of {}, {expected}",
                        Short(budget)
                    )?;
                }
                Standing::Excluded => writeln!(f, "{name}: excluded")?,
                Standing::Failing(at) => writeln!(f, "{name}: failing, tried again at {at:.1}")?,
                Standing::Limited(at) => writeln!(f, "{name}: at its limit until {at:.1}")?,
                Standing::Passed => writeln!(f, "{name}: passed over, {expected}")?,
            }
        }
        Ok(())
    }
}

/// A number in four digits or so.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if f.sign_plus() && self.0 >= 0.0 {
            "+"
        } else {
            ""
        };
        match self.0.abs() {
            0.0 => write!(f, "{sign}0"),
            size if (1e-3..1e6).contains(&size) => {
                let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
                let text = format!("{:.digits$}", self.0);
                let text = match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.'),
                    false => &text,
                };
                write!(f, "{sign}{text}")
            }
            _ => write!(f, "{sign}{:.3e}", self.0),
        }
    }
}
