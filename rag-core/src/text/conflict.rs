//! Whether two statements about the same contradict each other, by what their words say for certain.
//!
//! Where [`question_difference`](super::question_difference) is in doubt it says "different"; here it is the other way
//! round: a conflict is only told where a negation, an opposite or a number stands against another one.

use super::alike::{LONGEST, Plain, Token, are_opposites, only, says_no};
use std::collections::HashSet;

crate::option_enum! {
    /// What sets two statements against each other.
    Conflict {
        /// One says no where the other says yes: `is safe` and `is not safe`.
        Negation = "negation",
        /// A word of one is the opposite of a word of the other: `rises` and `falls`.
        Opposites = "opposites",
        /// Each has a number or a unit that the other has not.
        Numbers = "numbers",
    }
}

/// A sentence, read once to be held against many.
#[derive(Debug)]
pub struct Statement {
    plain: Plain,
    /// The forms of its words, without numbers, units and words that only say no.
    words: HashSet<String>,
    too_long: bool,
}

impl Statement {
    /// Reads a sentence. One of more than 2000 bytes is in conflict with nothing.
    pub fn new(text: &str) -> Self {
        let too_long = text.len() > LONGEST;
        let plain = match too_long {
            true => Plain::default(),
            false => Plain::of(text),
        };
        let words = plain.tokens.iter();
        let words = words.filter(|t| !t.number && !t.unit && !says_no(t));
        Self {
            words: words.map(|t| t.form.to_lowercase()).collect(),
            plain,
            too_long,
        }
    }

    /// The share of words that both have, of the one that has fewer: numbers, units, articles, auxiliaries and words
    /// that say no left out. 0 if one has none.
    pub fn overlap(&self, other: &Self) -> f64 {
        let common = self.words.intersection(&other.words).count();
        let fewer = self.words.len().min(other.words.len());
        match fewer {
            0 => 0.0,
            fewer => common as f64 / fewer as f64,
        }
    }

    /// What sets two statements against each other, if they are about the same, which their [`Statement::overlap`] or
    /// their vectors say. `None` if nothing does.
    ///
    /// An odd number of negations and opposites between them makes a conflict, so that "is not safe" and "is
    /// dangerous" agree. A number that only one of them has is no conflict unless the other has one in its place.
    /// English is understood; in any other language only numbers in digits are.
    ///
    /// ```
    /// use rag_core::text::{Conflict, Statement};
    /// let conflict = |a: &str, b: &str| Statement::new(a).conflict(&Statement::new(b));
    /// assert_eq!(conflict("The bridge is safe.", "The bridge isn't safe."), Some(Conflict::Negation));
    /// assert_eq!(conflict("Prices increase.", "Prices decrease."), Some(Conflict::Opposites));
    /// assert_eq!(conflict("It opened in 1932.", "It opened in 1923."), Some(Conflict::Numbers));
    /// assert_eq!(conflict("It opened in 1932.", "It opened in March 1932, at 10 o'clock."), None);
    /// ```
    pub fn conflict(&self, other: &Self) -> Option<Conflict> {
        if self.too_long || other.too_long {
            return None;
        }
        let (here, there) = only(&self.plain.tokens, &other.plain.tokens);
        // Words that say no are counted by themselves.
        let opposed = |from: &[&Token], to: &[&Token]| {
            let against = |a: &Token| to.iter().any(|b| !says_no(b) && are_opposites(a, b));
            from.iter().filter(|a| !says_no(a) && against(a)).count()
        };
        let opposites = opposed(&here, &there).min(opposed(&there, &here));
        let negations = self.plain.negations.abs_diff(other.plain.negations);
        if (opposites + negations) % 2 == 1 {
            return Some(match negations % 2 {
                1 => Conflict::Negation,
                _ => Conflict::Opposites,
            });
        }
        let counts = |tokens: &[&Token], unit: bool| {
            tokens
                .iter()
                .any(|t| if unit { t.unit } else { t.number && !t.unit })
        };
        let against = |unit: bool| counts(&here, unit) && counts(&there, unit);
        (against(false) || against(true)).then_some(Conflict::Numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn conflict(a: &str, b: &str) -> Option<Conflict> {
        Statement::new(a).conflict(&Statement::new(b))
    }

    #[test]
    fn what_is_against_each_other_is_told_by_kind() {
        use Conflict::{Negation, Numbers, Opposites};
        for (a, b, want) in [
            (
                "It works with sugar.",
                "It never works with sugar.",
                Some(Negation),
            ),
            ("The drug is safe.", "The drug is unsafe.", Some(Opposites)),
            (
                "It is the best oven.",
                "It is the worst oven.",
                Some(Opposites),
            ),
            ("Take 3 mg.", "Take 3 g.", Some(Numbers)),
            ("Three towers stand.", "3 towers stand.", None),
            ("Three towers stand.", "Two towers stand.", Some(Numbers)),
            ("It costs $1,500.", "It costs $1500.", None),
            ("It is not the best oven.", "It is the worst oven.", None),
            ("It is old.", "It is 300 years old.", None),
            ("It is warm and it is light.", "It is light.", None),
            ("", "It is 3.", None),
        ] {
            assert_eq!(conflict(a, b), want, "{a} / {b}");
        }
    }

    #[test]
    fn overlap_is_of_what_both_are_about() {
        let overlap = |a: &str, b: &str| Statement::new(a).overlap(&Statement::new(b));
        assert_eq!(
            overlap(
                "The bridge is 300 years old.",
                "The bridge is not 200 years old."
            ),
            1.0
        );
        assert_eq!(overlap("Bread rises.", "Rome falls."), 0.0);
        assert_eq!(overlap("", "Rome falls."), 0.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn conflicts_are_mutual_and_nothing_contradicts_itself(a in "\\PC{0,40}", b in "[a-z0-9 ']{0,40}") {
            prop_assert_eq!(conflict(&a, &b).is_some(), conflict(&b, &a).is_some());
            prop_assert_eq!(conflict(&a, &a), None);
            prop_assert_eq!(conflict(&b, &b), None);
        }
    }
}
