//! Routers in the field's figures: the hull of cost and quality, AIQ, and what of the gap between a
//! weak and a strong route is recovered.

use crate::error::{Error, Result};

/// The most points of a curve.
pub const MAX_CURVE: usize = 10_000_000;
/// The gap of CPT(50%).
const HALF: f64 = 0.5;

/// The non-decreasing concave hull of what a router reaches: points of cost and quality, by cost.
///
/// Each point of `costs` and `qualities` (same length, finite, any order) is the mean of one setting
/// of a router over the same queries. Between two points every mean lies within reach, by drawing
/// lots between the two settings (Hu et al., 2024, RouterBench, section 3); so a point under the line
/// of two others is no loss to leave out, and past the best quality more money buys nothing.
///
/// ```
/// use rag_core::routing::routing_curve;
/// let hull = routing_curve(&[4.0, 1.0, 2.0, 9.0], &[0.9, 0.5, 0.6, 0.8])?;
/// assert_eq!(hull, [(1.0, 0.5), (4.0, 0.9)]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn routing_curve(costs: &[f64], qualities: &[f64]) -> Result<Vec<(f64, f64)>> {
    let mut points = pairs(costs, qualities, ("costs", "qualities"))?;
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        if hull.last().is_some_and(|last| y <= last.1) {
            continue;
        }
        while let [.., a, b] = hull[..] {
            // Slopes and not a cross product, whose terms may leave the range.
            if (b.1 - a.1) / (b.0 - a.0) > (y - b.1) / (x - b.0) {
                break;
            }
            hull.pop();
        }
        hull.push((x, y));
    }
    Ok(hull)
}

/// The average improvement in quality: the mean height of [`routing_curve`] over a range of costs
/// (Hu et al., 2024).
///
/// `range` is the lowest and the highest cost of what is compared, so that several routers are
/// measured over the same costs; `None` takes that of the points. Below its cheapest point a router
/// has no answer and counts as 0; above its best it goes on at that height.
///
/// ```
/// use rag_core::routing::aiq;
/// assert_eq!(aiq(&[0.0, 2.0], &[0.5, 0.9], None)?, 0.7);
/// assert_eq!(aiq(&[0.0, 2.0], &[0.5, 0.9], Some((0.0, 4.0)))?, 0.8);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn aiq(costs: &[f64], qualities: &[f64], range: Option<(f64, f64)>) -> Result<f64> {
    let hull = routing_curve(costs, qualities)?;
    let of_points = || {
        let high = costs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (hull[0].0, high)
    };
    let (low, high) = range.unwrap_or_else(of_points);
    if !(low.is_finite() && high.is_finite() && low <= high) {
        return Err(Error::invalid(format!(
            "the range of costs needs two finite numbers, the lower first, got {low} and {high}"
        )));
    }
    if low == high {
        return Ok(height(&hull, low));
    }
    let mut area = 0.0;
    let mut from = low.max(hull[0].0).min(high);
    for (x, _) in hull.iter().skip(1).chain([&(high, 0.0)]) {
        let to = x.min(high);
        if to > from {
            area += (to - from) / (high - low) * 0.5 * (height(&hull, from) + height(&hull, to));
            from = to;
        }
    }
    Ok(area)
}

/// The height of a hull at a cost.
fn height(hull: &[(f64, f64)], cost: f64) -> f64 {
    let after = hull.partition_point(|p| p.0 <= cost);
    match (after.checked_sub(1).map(|i| hull[i]), hull.get(after)) {
        (None, _) => 0.0,
        (Some(last), None) => last.1,
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * ((cost - a.0) / (b.0 - a.0)),
    }
}

/// The performance gap recovered: where a quality lies between that of the weak route alone (0)
/// and that of the strong one alone (1); past the ends below 0 and above 1 (Ong et al., 2024, RouteLLM, section 2).
pub fn pgr(quality: f64, weak: f64, strong: f64) -> Result<f64> {
    if !quality.is_finite() {
        return Err(Error::invalid(format!(
            "the quality must be finite, got {quality}"
        )));
    }
    check_gap(weak, strong)?;
    Ok((quality - weak) / (strong - weak))
}

/// The average performance gap recovered: the mean [`pgr`] over all shares of queries that the
/// strong route gets (Ong et al., 2024).
///
/// `shares`, in 0..=1, and `qualities` are the points of one router, in any order. Straight lines
/// lie between them, and the ends are the weak and the strong route alone. A router that draws lots
/// has .5.
///
/// ```
/// use rag_core::routing::{apgr, cpt};
/// assert_eq!(apgr(&[], &[], 0.6, 0.8)?, 0.5);
/// // A quarter of the queries is enough for half of what the strong route would gain.
/// assert!((cpt(&[0.25], &[0.7], 0.6, 0.8, None)? - 0.25).abs() < 1e-12);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn apgr(shares: &[f64], qualities: &[f64], weak: f64, strong: f64) -> Result<f64> {
    let curve = gaps(shares, qualities, weak, strong)?;
    let parts = curve.windows(2);
    Ok(parts
        .map(|w| 0.5 * (w[1].0 - w[0].0) * (w[0].1 + w[1].1))
        .sum())
}

/// The call-performance threshold: the smallest share of queries for the strong route with which
/// `gap` of the gap, in 0..=1, is recovered; `None` is half of it, CPT(50%) (Ong et al., 2024).
pub fn cpt(
    shares: &[f64],
    qualities: &[f64],
    weak: f64,
    strong: f64,
    gap: Option<f64>,
) -> Result<f64> {
    let gap = gap.unwrap_or(HALF);
    if !(0.0..=1.0).contains(&gap) {
        return Err(Error::invalid(format!("gap must be in 0..=1, got {gap}")));
    }
    let curve = gaps(shares, qualities, weak, strong)?;
    let mut before = curve[0];
    for &(share, recovered) in &curve {
        if recovered >= gap {
            let rise = recovered - before.1;
            if rise <= 0.0 {
                return Ok(share);
            }
            return Ok(before.0 + (share - before.0) * ((gap - before.1) / rise));
        }
        before = (share, recovered);
    }
    Ok(1.0)
}

/// The share of the strong route against the gap recovered, from 0 to 1; one point a share, the best.
fn gaps(shares: &[f64], qualities: &[f64], weak: f64, strong: f64) -> Result<Vec<(f64, f64)>> {
    check_gap(weak, strong)?;
    let given = match shares.is_empty() && qualities.is_empty() {
        true => Vec::new(),
        false => pairs(shares, qualities, ("shares", "qualities"))?,
    };
    if let Some((bad, _)) = given.iter().find(|p| !(0.0..=1.0).contains(&p.0)) {
        return Err(Error::invalid(format!(
            "shares of queries must be in 0..=1, got {bad}"
        )));
    }
    let recovered = |(share, quality): (f64, f64)| (share, (quality - weak) / (strong - weak));
    let inner = given.into_iter().filter(|p| p.0 > 0.0 && p.0 < 1.0);
    let mut curve: Vec<(f64, f64)> = [(0.0, 0.0), (1.0, 1.0)]
        .into_iter()
        .chain(inner.map(recovered))
        .collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    curve.dedup_by_key(|p| p.0);
    Ok(curve)
}

fn check_gap(weak: f64, strong: f64) -> Result<()> {
    if weak.is_finite() && strong.is_finite() && (strong - weak).is_finite() && strong > weak {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the strong route must be better than the weak one, got {strong} and {weak}"
    )))
}

fn pairs(x: &[f64], y: &[f64], names: (&str, &str)) -> Result<Vec<(f64, f64)>> {
    let (xs, ys) = names;
    if x.len() != y.len() || x.is_empty() || x.len() > MAX_CURVE {
        return Err(Error::invalid(format!(
            "{xs} and {ys} must be equally many, 1 to {MAX_CURVE}, got {} and {}",
            x.len(),
            y.len()
        )));
    }
    // Differences of larger numbers would leave the range.
    let sane = |v: &&f64| v.abs() <= 1e150;
    if let Some(bad) = x.iter().chain(y).find(|v| !sane(v)) {
        return Err(Error::invalid(format!(
            "{xs} and {ys} must be finite and below 1e150 in size, got {bad}"
        )));
    }
    Ok(x.iter().copied().zip(y.iter().copied()).collect())
}
