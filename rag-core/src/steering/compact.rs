//! Vectors at two bytes a number: what is kept of every user and rating.

/// A vector as 16-bit numbers and their unit, the largest being 32,767 units: the rounding is below
/// 1/65,000 of the largest number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Compact {
    pub(super) unit: f32,
    pub(super) numbers: Box<[i16]>,
}

const MOST: f32 = i16::MAX as f32;

impl Compact {
    /// `None` if a number is not finite.
    pub(super) fn new(vector: &[f64]) -> Option<Self> {
        let largest = vector.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let unit = (largest / f64::from(MOST)) as f32;
        if !unit.is_finite() || vector.iter().any(|v| v.is_nan()) {
            return None;
        }
        let round = |v: &f64| match unit > 0.0 {
            true => (v / f64::from(unit))
                .round()
                .clamp(-f64::from(MOST), f64::from(MOST)) as i16,
            false => 0,
        };
        Some(Self {
            unit,
            numbers: vector.iter().map(round).collect(),
        })
    }

    /// What a file holds; `None` if it is no such vector.
    pub(super) fn from_parts(unit: f32, numbers: &[i16]) -> Option<Self> {
        let sane = (0.0..=1e12).contains(&unit) && numbers.iter().all(|n| *n > i16::MIN);
        sane.then(|| Self {
            unit,
            numbers: numbers.into(),
        })
    }

    pub(super) fn dim(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        let unit = f64::from(self.unit);
        self.numbers.iter().map(move |&n| unit * f64::from(n))
    }

    pub(super) fn wide(&self) -> Vec<f64> {
        self.iter().collect()
    }

    /// `sum += weight * self`.
    pub(super) fn add_to(&self, sum: &mut [f64], weight: f64) {
        let weight = weight * f64::from(self.unit);
        for (s, &n) in sum.iter_mut().zip(&self.numbers) {
            *s += weight * f64::from(n);
        }
    }

    /// The inner product with `direction`.
    pub(super) fn dot(&self, direction: &[f64]) -> f64 {
        let both = self.numbers.iter().zip(direction);
        let sum: f64 = both.map(|(&n, d)| f64::from(n) * d).sum();
        f64::from(self.unit) * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_to_a_65_000th_of_the_largest() {
        let mut rng = crate::Rng::new(4);
        for size in [1e-6, 1.0, 1e6] {
            let v: Vec<f64> = (0..300).map(|_| size * rng.normal()).collect();
            let largest = v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            let back = Compact::new(&v).unwrap();
            for (a, b) in v.iter().zip(back.iter()) {
                assert!((a - b).abs() <= largest / 65_000.0, "{a} {b}");
            }
            let product: f64 = v.iter().map(|x| x * x).sum();
            assert!((back.dot(&v) - product).abs() < 1e-4 * product);
        }
        assert_eq!(Compact::new(&[0.0, 0.0]).unwrap().wide(), [0.0, 0.0]);
        assert!(Compact::new(&[f64::NAN, 1.0]).is_none());
        assert!(Compact::from_parts(f32::NAN, &[1]).is_none());
    }
}
