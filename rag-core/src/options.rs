//! One table of options: names, types, defaults, ranges and docs, written once.
//!
//! `options!` makes a struct with a builder method for each option, a `check` that every verb
//! calls, a `set` by name for C and Python, and a table for the docs and the surface check.

use crate::error::{Error, Result};
use std::ops::RangeInclusive;

/// A value for an option that is set by name. An integer option refuses `2.7`.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// True or false.
    Bool(bool),
    /// A whole number, not negative.
    U64(u64),
    /// A real number.
    F64(f64),
    /// Text: the name of a choice.
    Str(String),
    /// None of these, by the name of its type: no option takes it, and each says what it takes.
    Other(String),
}

impl OptionValue {
    /// The value as messages show it.
    pub fn describe(&self) -> String {
        match self {
            OptionValue::Bool(v) => v.to_string(),
            OptionValue::U64(v) => v.to_string(),
            // Whole numbers below zero come as real ones, for want of a kind of their own.
            OptionValue::F64(v) if (-1e15..0.0).contains(v) => v.to_string(),
            // "2.0" and "1e21": what is no whole number here must not look like one.
            OptionValue::F64(v) => format!("{v:?}"),
            OptionValue::Str(v) => format!("\"{v}\""),
            OptionValue::Other(v) => v.clone(),
        }
    }
}

impl From<bool> for OptionValue {
    fn from(v: bool) -> Self {
        OptionValue::Bool(v)
    }
}
impl From<u64> for OptionValue {
    fn from(v: u64) -> Self {
        OptionValue::U64(v)
    }
}
impl From<usize> for OptionValue {
    fn from(v: usize) -> Self {
        OptionValue::U64(v as u64)
    }
}
impl From<f64> for OptionValue {
    fn from(v: f64) -> Self {
        OptionValue::F64(v)
    }
}
impl From<&str> for OptionValue {
    fn from(v: &str) -> Self {
        OptionValue::Str(v.to_owned())
    }
}

impl From<&serde_json::Value> for OptionValue {
    fn from(v: &serde_json::Value) -> Self {
        use serde_json::Value;
        match v {
            Value::Bool(flag) => OptionValue::Bool(*flag),
            Value::String(text) => OptionValue::Str(text.clone()),
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(whole), _) => OptionValue::U64(whole),
                (None, Some(real)) => OptionValue::F64(real),
                (None, None) => OptionValue::Other("a number".to_owned()),
            },
            Value::Null => OptionValue::Other("null".to_owned()),
            Value::Array(_) => OptionValue::Other("a list".to_owned()),
            Value::Object(_) => OptionValue::Other("an object".to_owned()),
        }
    }
}

/// One row of an options table.
#[derive(Clone, Debug)]
pub struct OptionInfo {
    /// The name, the same in every language.
    pub name: &'static str,
    /// The Rust type, such as `usize` or `Option<f32>`.
    pub kind: &'static str,
    /// The default, as text.
    pub default: String,
    /// The accepted range or choices, where there is one.
    pub range: Option<String>,
    /// What it does.
    pub doc: &'static str,
}

/// A type that an option can have.
pub trait OptionField: Sized {
    /// Converts a value given by name.
    fn from_value(name: &str, value: &OptionValue) -> Result<Self>;
    /// The value as text, for tables and messages.
    fn describe(&self) -> String;
    /// The choices of an enum, if it is one.
    fn choices() -> Option<String> {
        None
    }
}

/// A type that an option's range can be checked for.
pub trait Bounded<T> {
    /// Fails unless the value is inside `range`; NaN is outside every range.
    fn check_in(&self, name: &str, range: &RangeInclusive<T>) -> Result<()>;
    /// Refuses a value of another type, and names the type and the range that are wanted.
    fn refuse(name: &str, value: &OptionValue, range: &RangeInclusive<T>) -> Error;
}

fn wrong_type<T>(name: &str, wanted: &str, value: &OptionValue) -> Result<T> {
    Err(unwanted(name, wanted, value))
}

fn unwanted(name: &str, wanted: &str, value: &OptionValue) -> Error {
    Error::invalid(format!("{name} must be {wanted}, got {}", value.describe()))
}

macro_rules! number_field {
    ($($type:ty, $kind:literal, $wanted:expr, |$value:ident| $convert:expr;)+) => {$(
        impl OptionField for $type {
            fn from_value(name: &str, $value: &OptionValue) -> Result<Self> {
                match $convert {
                    Some(v) => Ok(v),
                    None => wrong_type(name, &$wanted, $value),
                }
            }
            fn describe(&self) -> String { self.to_string() }
        }
        impl Bounded<$type> for $type {
            fn check_in(&self, name: &str, range: &RangeInclusive<$type>) -> Result<()> {
                if range.contains(self) { return Ok(()); }
                Err(Error::invalid(format!(
                    "{name} must be in {}..={}, got {self}", range.start(), range.end())))
            }
            fn refuse(name: &str, value: &OptionValue, range: &RangeInclusive<$type>) -> Error {
                let wanted = format!("{} from {} to {}", $kind, range.start(), range.end());
                unwanted(name, &wanted, value)
            }
        }
    )+};
}

number_field! {
    usize, "a whole number", format!("a whole number from 0 to {}", usize::MAX), |value| match value {
        OptionValue::U64(v) => usize::try_from(*v).ok(),
        _ => None,
    };
    u64, "a whole number", format!("a whole number from 0 to {}", u64::MAX), |value| match value {
        OptionValue::U64(v) => Some(*v),
        _ => None,
    };
    f32, "a number", "a number", |value| match value {
        OptionValue::F64(v) => Some(*v as f32),
        OptionValue::U64(v) => Some(*v as f32),
        _ => None,
    };
    f64, "a number", "a number", |value| match value {
        OptionValue::F64(v) => Some(*v),
        OptionValue::U64(v) => Some(*v as f64),
        _ => None,
    };
}

impl OptionField for bool {
    fn from_value(name: &str, value: &OptionValue) -> Result<Self> {
        match value {
            OptionValue::Bool(v) => Ok(*v),
            OptionValue::U64(v @ 0..=1) => Ok(*v == 1),
            _ => wrong_type(name, "true or false", value),
        }
    }
    fn describe(&self) -> String {
        self.to_string()
    }
}

impl OptionField for String {
    fn from_value(name: &str, value: &OptionValue) -> Result<Self> {
        match value {
            OptionValue::Str(v) => Ok(v.clone()),
            _ => wrong_type(name, "text", value),
        }
    }
    fn describe(&self) -> String {
        format!("\"{self}\"")
    }
}

impl<T: OptionField> OptionField for Option<T> {
    fn from_value(name: &str, value: &OptionValue) -> Result<Self> {
        T::from_value(name, value).map(Some)
    }
    fn describe(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), T::describe)
    }
    fn choices() -> Option<String> {
        T::choices()
    }
}

impl<T: Bounded<T>> Bounded<T> for Option<T> {
    fn check_in(&self, name: &str, range: &RangeInclusive<T>) -> Result<()> {
        self.as_ref().map_or(Ok(()), |v| v.check_in(name, range))
    }
    fn refuse(name: &str, value: &OptionValue, range: &RangeInclusive<T>) -> Error {
        T::refuse(name, value, range)
    }
}

/// Declares an enum whose variants have names, usable as the type of an option.
///
/// The first variant is the default.
#[macro_export]
macro_rules! option_enum {
    ($(#[$meta:meta])* $name:ident {
        $(#[doc = $first_doc:literal])* $first:ident = $first_text:literal
        $(, $(#[doc = $doc:literal])* $variant:ident = $text:literal)* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name { #[default] $(#[doc = $first_doc])* $first, $($(#[doc = $doc])* $variant),* }

        impl $name {
            /// Every choice, in order.
            pub const ALL: &'static [$name] = &[$name::$first, $($name::$variant),*];

            /// The name of the choice, the same in every language.
            pub const fn name(self) -> &'static str {
                match self { $name::$first => $first_text, $($name::$variant => $text),* }
            }

            /// The choice of that name.
            pub fn parse(option: &str, text: &str) -> $crate::Result<Self> {
                match Self::ALL.iter().find(|v| v.name() == text) {
                    Some(v) => Ok(*v),
                    None => Err($crate::Error::invalid(format!(
                        "{option} must be one of {}, got \"{text}\"",
                        <Self as $crate::options::OptionField>::choices().unwrap_or_default()))),
                }
            }
        }

        impl $crate::options::OptionField for $name {
            fn from_value(
                name: &str,
                value: &$crate::options::OptionValue,
            ) -> $crate::Result<Self> {
                match value {
                    $crate::options::OptionValue::Str(text) => Self::parse(name, text),
                    other => Err($crate::Error::invalid(format!(
                        "{name} must be one of {}, got {}",
                        <Self as $crate::options::OptionField>::choices().unwrap_or_default(),
                        other.describe()))),
                }
            }
            fn describe(&self) -> String { format!("\"{}\"", self.name()) }
            fn choices() -> Option<String> {
                let quoted: Vec<_> = Self::ALL.iter().map(|v| format!("\"{}\"", v.name())).collect();
                Some(quoted.join(", "))
            }
        }
    };
}

/// Declares a struct of options.
///
/// ```
/// rag_core::options! {
///     /// How far a walk goes.
///     WalkOptions {
///         /// Steps to take.
///         steps: usize = 10, in 1..=1000;
///         /// Metres a step.
///         stride: Option<f32> = None, in 0.1..=2.0;
///     }
/// }
/// let options = WalkOptions::default().steps(12);
/// assert!(options.check().is_ok());
/// let error = WalkOptions::default().steps(0).check().unwrap_err();
/// assert_eq!(error.to_string(), "steps must be in 1..=1000, got 0");
/// let mut by_name = WalkOptions::default();
/// assert!(by_name.set("steps", &2.7.into()).is_err());
/// by_name.set("stride", &0.7.into()).unwrap();
/// ```
#[macro_export]
macro_rules! options {
    ($(#[$meta:meta])* $name:ident { $(
        $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr $(, in $range:expr)?;
    )+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl Default for $name {
            fn default() -> Self { Self { $($field: $default,)+ } }
        }

        impl $name {
            /// The names of the options, in order.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            $($(#[doc = $doc])+
            #[must_use]
            pub fn $field(mut self, $field: $type) -> Self {
                self.$field = $field;
                self
            })+

            /// Fails with one sentence if a value is outside its range. Verbs call it themselves.
            pub fn check(&self) -> $crate::Result<()> {
                $($($crate::options::Bounded::check_in(&self.$field, stringify!($field), &($range))?;)?)+
                Ok(())
            }

            /// Sets one option by name, for the bindings.
            pub fn set(
                &mut self,
                name: &str,
                value: &$crate::options::OptionValue,
            ) -> $crate::Result<()> {
                match name {
                    $(stringify!($field) => {
                        let parsed = <$type as $crate::options::OptionField>::from_value(name, value)
                            $(.map_err(|_| <$type as $crate::options::Bounded<_>>::refuse(name, value, &($range))))?
                            ?;
                        $($crate::options::Bounded::check_in(&parsed, name, &($range))?;)?
                        self.$field = parsed;
                        Ok(())
                    })+
                    _ => Err($crate::Error::invalid(format!(
                        "no option is called \"{name}\" here; there are {}",
                        Self::NAMES.join(", ")))),
                }
            }

            /// The table: name, type, default, range, doc.
            pub fn table() -> Vec<$crate::options::OptionInfo> {
                let defaults = Self::default();
                vec![$($crate::options::OptionInfo {
                    name: stringify!($field),
                    kind: stringify!($type),
                    default: $crate::options::OptionField::describe(&defaults.$field),
                    range: {
                        #[allow(unused_mut, unused_assignments)]
                        let mut range = <$type as $crate::options::OptionField>::choices();
                        $(range = Some(stringify!($range).to_owned());)?
                        range
                    },
                    doc: concat!($($doc),+).trim_ascii(),
                }),+]
            }
        }
    };
}

#[cfg(test)]
#[allow(dead_code, reason = "the macros make more than a test calls")]
mod tests {
    use super::*;

    option_enum! {
        /// A colour.
        Colour { Red = "red", Blue = "blue" }
    }

    options! {
        /// For the tests.
        PaintOptions {
            /// Layers of paint.
            layers: usize = 2, in 1..=9;
            /// Thinner, as a share.
            thinner: Option<f32> = None, in 0.0..=1.0;
            /// The colour.
            colour: Colour = Colour::Red;
            /// Whether it shines.
            gloss: bool = false;
        }
    }

    #[test]
    fn set_by_name_refuses_what_the_type_or_range_does_not_hold() {
        let mut o = PaintOptions::default();
        o.set("layers", &3usize.into()).unwrap();
        o.set("colour", &"blue".into()).unwrap();
        o.set("thinner", &1u64.into()).unwrap();
        assert_eq!(
            (o.layers, o.colour, o.thinner),
            (3, Colour::Blue, Some(1.0))
        );
        let say =
            |o: &mut PaintOptions, n: &str, v: OptionValue| o.set(n, &v).unwrap_err().to_string();
        assert_eq!(
            say(&mut o, "layers", 10u64.into()),
            "layers must be in 1..=9, got 10"
        );
        assert_eq!(
            say(&mut o, "layers", 2.0.into()),
            "layers must be a whole number from 1 to 9, got 2.0"
        );
        assert_eq!(
            say(&mut o, "layers", (-1.0).into()),
            "layers must be a whole number from 1 to 9, got -1"
        );
        assert_eq!(
            say(&mut o, "layers", 2f64.powi(70).into()),
            "layers must be a whole number from 1 to 9, got 1.1805916207174113e21"
        );
        assert_eq!(
            say(&mut o, "layers", OptionValue::Other("list".into())),
            "layers must be a whole number from 1 to 9, got list"
        );
        assert_eq!(
            say(&mut o, "thinner", "much".into()),
            "thinner must be a number from 0 to 1, got \"much\""
        );
        assert_eq!(
            say(&mut o, "colour", 3u64.into()),
            "colour must be one of \"red\", \"blue\", got 3"
        );
        assert_eq!(
            u64::from_value("seed", &(-1.0).into())
                .unwrap_err()
                .message(),
            "seed must be a whole number from 0 to 18446744073709551615, got -1"
        );
        assert_eq!(
            say(&mut o, "thinner", f64::NAN.into()),
            "thinner must be in 0..=1, got NaN"
        );
        assert_eq!(
            say(&mut o, "colour", "green".into()),
            "colour must be one of \"red\", \"blue\", got \"green\""
        );
        assert_eq!(
            say(&mut o, "shine", true.into()),
            "no option is called \"shine\" here; there are layers, thinner, colour, gloss"
        );
        assert_eq!(o.layers, 3, "a refused value changes nothing");
    }

    #[test]
    fn the_table_tells_defaults_and_ranges() {
        let table = PaintOptions::table();
        assert_eq!(table[0].default, "2");
        assert_eq!(table[0].range.as_deref(), Some("1..=9"));
        assert_eq!(table[1].default, "none");
        assert_eq!(table[2].range.as_deref(), Some("\"red\", \"blue\""));
        assert_eq!(table[3].doc, "Whether it shines.");
    }
}
