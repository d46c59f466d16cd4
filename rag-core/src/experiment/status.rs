//! How an experiment stands.

use super::counts::Counts;
use super::measure::{Measure, Role};
use super::sequential::{compare, multinomial};
use super::{Plan, RATIO_ALPHA};
use serde::Serialize;

/// A variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantStatus {
    /// Its name.
    pub name: String,
    /// The share of users that it should have, in 0 to 1.
    pub share: f64,
    /// Users that were assigned to it.
    pub users: u64,
    /// The guardrail that stopped it.
    pub stopped: Option<String>,
}

/// A variant's values against the control's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The variant.
    pub variant: String,
    /// Its mean, or its share of ones, minus the control's.
    pub difference: f64,
    /// The difference is not below this, at all times together with the probability that is asked for; `None` where
    /// nothing can be said yet.
    pub lower: Option<f64>,
    /// It is not above this.
    pub upper: Option<f64>,
    /// Of the sequential test that there is no difference, before several are allowed for; true whenever it is looked at.
    pub p_value: f64,
    /// `better`, `worse` or `undecided`.
    pub decision: &'static str,
}

/// A measure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasureStatus {
    /// Its name.
    pub name: String,
    /// `mean` or `proportion`.
    pub kind: String,
    /// `higher` or `lower`.
    pub better: String,
    /// `goal`, `guardrail` or `watched`.
    pub role: String,
    /// How many values each variant has, in the variants' order.
    pub counts: Vec<u64>,
    /// Their means.
    pub means: Vec<f64>,
    /// Each variant but the first against the first.
    pub comparisons: Vec<Comparison>,
}

/// Whether users are spread as they should be. Where they are not, something loses users of a variant, and nothing else that
/// is measured is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SampleRatio {
    /// Of the sequential test that they are; true whenever it is looked at.
    pub p_value: f64,
    /// Whether the p-value is below 0.001.
    pub mismatch: bool,
    /// Whether all users were counted; beyond `max_users` they are not.
    pub complete: bool,
}

/// How an experiment stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// The variant that everybody gets, if one was promoted.
    pub promoted: Option<String>,
    /// The variant that is better by the goal and was not stopped, of several the one that is surest to be. `None` also
    /// while users are not spread as they should be.
    pub winner: Option<String>,
    /// The variants; the first is the control.
    pub variants: Vec<VariantStatus>,
    /// The measures.
    pub measures: Vec<MeasureStatus>,
    /// Whether users are spread as they should be.
    pub sample_ratio: SampleRatio,
}

pub(super) fn comparisons(plan: &Plan, measure: &Measure, counts: &Counts) -> Vec<Comparison> {
    let others = plan.variants.len().saturating_sub(1).max(1);
    // Each variant is compared, and each guardrail may stop it: all together are wrong with probability alpha.
    let looks = match measure.has_role(Role::Guardrail) {
        true => others * plan.guardrails().max(1),
        false => others,
    };
    let control = counts.of(&measure.name, 0);
    let of = |(i, variant): (usize, &(String, u64))| {
        let treated = counts.of(&measure.name, i);
        let found = compare(
            &control,
            &treated,
            measure.is_share(),
            plan.alpha / looks as f64,
            plan.expected_count,
        );
        let enough = control.n.min(treated.n) >= plan.min_count;
        let finite = |x: f64| x.is_finite().then_some(x);
        let (gain, loss) = match measure.gain(1.0) > 0.0 {
            true => (found.lower, found.upper),
            false => (-found.upper, -found.lower),
        };
        Comparison {
            variant: variant.0.clone(),
            difference: found.difference,
            lower: finite(found.lower),
            upper: finite(found.upper),
            p_value: found.p_value,
            decision: match enough {
                true if gain > 0.0 => "better",
                true if loss < -measure.margin => "worse",
                _ => "undecided",
            },
        }
    };
    let variants = plan.variants.iter().enumerate().skip(1);
    variants.map(of).collect()
}

pub(super) fn status(plan: &Plan, counts: &Counts) -> Status {
    let weights: u64 = plan.variants.iter().map(|(_, w)| w).sum();
    let share = |weight: u64| weight as f64 / weights.max(1) as f64;
    let users = counts.users_by(plan.variants.len());
    let shares: Vec<f64> = plan.variants.iter().map(|(_, w)| share(*w)).collect();
    let p_value = multinomial(&users, &shares);
    let sample_ratio = SampleRatio {
        p_value,
        mismatch: p_value < RATIO_ALPHA,
        complete: (counts.users.len() as u64) < plan.max_users,
    };
    let measures: Vec<MeasureStatus> = plan
        .measures
        .iter()
        .map(|measure| {
            let sums = (0..plan.variants.len()).map(|i| counts.of(&measure.name, i));
            MeasureStatus {
                name: measure.name.clone(),
                kind: measure.kind().to_owned(),
                better: measure.better().to_owned(),
                role: measure.role().to_owned(),
                counts: sums.clone().map(|s| s.n).collect(),
                means: sums.map(|s| s.mean).collect(),
                comparisons: comparisons(plan, measure, counts),
            }
        })
        .collect();
    let goal = plan
        .measures
        .iter()
        .zip(&measures)
        .find(|(m, _)| m.has_role(Role::Goal));
    let better = goal.into_iter().flat_map(|(_, status)| {
        let better = status.comparisons.iter().filter(|c| c.decision == "better");
        better.filter(|c| !counts.stopped.contains_key(&c.variant))
    });
    let winner = better.min_by(|a, b| a.p_value.total_cmp(&b.p_value));
    let winner = winner
        .filter(|_| !sample_ratio.mismatch)
        .map(|c| c.variant.clone());
    let variants = plan
        .variants
        .iter()
        .zip(users)
        .map(|((name, weight), users)| VariantStatus {
            name: name.clone(),
            share: share(*weight),
            users,
            stopped: counts.stopped.get(name).cloned(),
        });
    Status {
        name: plan.name.clone(),
        promoted: counts.promoted.as_ref().map(|p| p.variant.clone()),
        winner,
        variants: variants.collect(),
        measures,
        sample_ratio,
    }
}

impl Status {
    /// As a JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names are texts, and nothing else can fail")
    }
}
