//! Equality and order of JSON values, numbers exactly.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Whether two values are equal: `1` and `1.0` are, `1` and `"1"` are not.
///
/// Goes no deeper than the shallower of the two.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, value)| b.get(key).is_some_and(|other| equal(value, other));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

/// The order of two values of one type; `None` for two types, arrays and objects.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => Some(compare_numbers(a, b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn whole(n: &Number) -> Option<i128> {
    let signed = n.as_i64().map(i128::from);
    signed.or_else(|| n.as_u64().map(i128::from))
}

/// Exact, where a conversion to f64 would round above 2^53.
fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    let float = |n: &Number| n.as_f64().unwrap_or(0.0);
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_mixed(a, float(b)),
        (None, Some(b)) => compare_mixed(b, float(a)).reverse(),
        (None, None) => float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal),
    }
}

/// The floor of a finite f64 fits i128 or is cut off at its ends, beyond every u64 and i64.
fn compare_mixed(a: i128, b: f64) -> Ordering {
    let floor = b.floor();
    let above = if b > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    };
    a.cmp(&(floor as i128)).then(above)
}

/// The values of an `$in`: numbers and strings sorted, those that nest one by one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    null: bool,
    /// Whether false and true are among them.
    bools: [bool; 2],
    numbers: Vec<Number>,
    strings: Vec<String>,
    nested: Vec<Value>,
}

impl Values {
    pub(super) fn new(values: &[Value]) -> Self {
        let mut made = Self::default();
        for value in values {
            match value {
                Value::Null => made.null = true,
                Value::Bool(b) => made.bools[usize::from(*b)] = true,
                Value::Number(n) => made.numbers.push(n.clone()),
                Value::String(s) => made.strings.push(s.clone()),
                nested => made.nested.push(nested.clone()),
            }
        }
        made.numbers.sort_by(compare_numbers);
        made.strings.sort_unstable();
        made
    }

    pub(super) fn contains(&self, one: &Value) -> bool {
        match one {
            Value::Null => self.null,
            Value::Bool(b) => self.bools[usize::from(*b)],
            Value::Number(n) => {
                let found = self.numbers.binary_search_by(|m| compare_numbers(m, n));
                found.is_ok()
            }
            Value::String(s) => self.strings.binary_search(s).is_ok(),
            nested => self.nested.iter().any(|value| equal(nested, value)),
        }
    }

    /// The number of values that do not nest, doubles counted.
    pub(super) fn len(&self) -> usize {
        self.numbers.len() + self.strings.len()
    }

    pub(super) fn has_nested(&self) -> bool {
        !self.nested.is_empty()
    }

    /// Each value that does not nest.
    pub(super) fn for_each_plain(&self, each: &mut dyn FnMut(&Value)) {
        if self.null {
            each(&Value::Null);
        }
        for (is_in, value) in self.bools.iter().zip([false, true]) {
            if *is_in {
                each(&Value::Bool(value));
            }
        }
        let numbers = self.numbers.iter().cloned().map(Value::Number);
        let strings = self.strings.iter().cloned().map(Value::String);
        numbers.chain(strings).for_each(|value| each(&value));
    }
}

/// Whether a value holds others.
pub(super) fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_numbers_and_floats_compare_exactly() {
        let big = 9_007_199_254_740_993i64; // 2^53 + 1, which f64 rounds to 2^53
        let cases = [
            (
                json!(big),
                json!(9_007_199_254_740_992.0),
                Ordering::Greater,
            ),
            (json!(-big), json!(-9_007_199_254_740_992.0), Ordering::Less),
            (
                json!(u64::MAX),
                json!(18_446_744_073_709_551_616.0),
                Ordering::Less,
            ),
            (
                json!(i64::MIN),
                json!(-9_223_372_036_854_775_808.0),
                Ordering::Equal,
            ),
            (json!(u64::MAX), json!(i64::MIN), Ordering::Greater),
            (json!(-1), json!(-1.5), Ordering::Greater),
            (json!(-2), json!(-1.5), Ordering::Less),
            (json!(1), json!(1e300), Ordering::Less),
            (json!(1), json!(-1e300), Ordering::Greater),
            (json!(0), json!(-0.0), Ordering::Equal),
        ];
        for (a, b, want) in cases {
            assert_eq!(compare(&a, &b), Some(want), "{a} {b}");
            assert_eq!(compare(&b, &a), Some(want.reverse()), "{b} {a}");
        }
    }
}
