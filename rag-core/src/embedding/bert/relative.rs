//! Addends by distance (Raffel and others, 2020): distances share a number in buckets that widen
//! with the distance.

/// Rows of the table: half of them for keys behind the query, half for keys before it.
pub(in crate::embedding) const BUCKETS: usize = 32;

/// The bucket of a key `distance` places behind the query (before it, where negative).
///
/// Up to 7 each distance has its own; from there eight buckets share `8 * 16^(i/8)..128`, and
/// everything further the last of them.
fn bucket(distance: isize) -> usize {
    const STEPS: [usize; 7] = [12, 16, 23, 32, 46, 64, 91];
    let size = distance.unsigned_abs();
    let own = match size {
        0..8 => size,
        _ => 8 + STEPS.iter().filter(|step| size >= **step).count(),
    };
    own + if distance > 0 { BUCKETS / 2 } else { 0 }
}

/// From a row for each bucket with a number for each head: for each head a number for each
/// distance from `1 - longest` to `longest - 1`.
pub(in crate::embedding) fn by_distance(buckets: &[f32], heads: usize, longest: usize) -> Vec<f32> {
    let longest = longest as isize;
    (0..heads)
        .flat_map(|head| {
            (1 - longest..longest).map(move |distance| buckets[bucket(distance) * heads + head])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_the_formula() {
        for distance in -600..=600isize {
            let size = distance.unsigned_abs() as f64;
            let log = 8.0 + ((size / 8.0).ln() / 16f64.ln() * 8.0 + 1e-9).floor();
            let own = if size < 8.0 { size } else { log.min(15.0) };
            let want = own as usize + if distance > 0 { 16 } else { 0 };
            assert_eq!(bucket(distance), want, "{distance}");
        }
    }

    #[test]
    fn the_middle_of_a_heads_table_is_distance_0() {
        let buckets: Vec<f32> = (0..BUCKETS * 2).map(|i| i as f32).collect();
        let table = by_distance(&buckets, 2, 5);
        assert_eq!(
            table[..9],
            [8.0, 6.0, 4.0, 2.0, 0.0, 34.0, 36.0, 38.0, 40.0]
        );
        assert_eq!(table[9 + 4], 1.0);
    }
}
