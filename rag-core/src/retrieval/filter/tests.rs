//! Limits, messages, and laws that hold for every filter.

use super::*;
use crate::disk::Disk;
use crate::disk::simulated::Simulated;
use crate::image::{Head, Image, Writer};
use crate::retrieval::bits::Bits;
use proptest::prelude::*;
use serde_json::json;

fn refused(filter: &Value) -> String {
    let error = Filter::parse(filter).unwrap_err();
    assert_eq!(error.kind().name(), "invalid_argument");
    error.to_string()
}

fn object(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

fn nested(levels: usize, wrap: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(json!({"$eq": 1}), |inner, _| wrap(inner))
}

#[test]
fn messages_name_the_operator_the_place_and_the_choices() {
    let filter = json!({"$or": [{"a": 1}, {"year": {"$not": {"$gtee": 1}}}]});
    assert_eq!(
        refused(&filter),
        "filter at $or > 1 > year > $not > $gtee: no operator is called $gtee; for a field there \
         are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not"
    );
    assert!(refused(&json!({"$in": [1]})).contains("$in belongs to a field"));
    assert!(refused(&json!({"a": {"$gt": 1, "b": 1}})).contains("\"field.b\""));
}

#[test]
fn limits_hold_to_the_last_one() {
    let list = |n: usize| json!({"a": {"$in": (0..n).collect::<Vec<_>>()}});
    assert!(Filter::parse(&list(MAX_IN)).is_ok());
    assert!(refused(&list(MAX_IN + 1)).contains("100001 values"));
    let or = |n: usize| json!({"$or": vec![json!({}); n]});
    assert!(Filter::parse(&or(MAX_NODES - 2)).is_ok());
    assert!(refused(&or(MAX_NODES - 1)).contains("more than 10000"));
    assert!(refused(&json!({"a": vec![1; MAX_NODES]})).contains("more than 10000"));
    assert!(refused(&json!({"a": {"$in": [vec![1; MAX_NODES]]}})).contains("more than 10000"));
}

#[test]
fn hostile_nesting_is_refused_before_the_stack_ends() {
    // Built by hand: the macro walks through what it is given, deeper than the parser does.
    let list = |v: Value| Value::Array(vec![v]);
    let not = |levels| object("a", nested(levels, |v| object("$not", v)));
    assert!(Filter::parse(&not(60)).is_ok());
    for levels in [64, 2000] {
        let filters = [
            not(levels),
            nested(levels, |v| object("$and", list(v))),
            object("a", object("$eq", nested(levels, list))),
            object("a", object("$in", list(nested(levels, |v| object("x", v))))),
        ];
        for filter in filters {
            assert!(refused(&filter).contains("deeper than 64"));
        }
    }
}

#[test]
fn fields_are_told_once_and_in_order() {
    let filter = json!({"b.c": 1, "$or": [{"a": {"$not": {"$gt": 2}}}, {"b.c": {"$ne": 3}}]});
    assert_eq!(Filter::parse(&filter).unwrap().fields(), ["a", "b.c"]);
    assert!(Filter::parse(&json!({})).unwrap().fields().is_empty());
}

fn plain_values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..3).prop_map(Value::from),
        (-4i8..5).prop_map(|x| json!(f64::from(x) / 2.0)),
        "[ab]{0,2}".prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    plain_values().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn laws(document in values(), field in "[ab](\\.[ab0]){0,2}", x in values(), y in values()) {
        let document = json!({"a": document.clone(), "b": [document]});
        let holds = |test: Value| {
            let filter = Filter::parse(&json!({ field.clone(): test })).unwrap();
            filter.matches(document.as_object().unwrap())
        };
        let eq = holds(json!({"$eq": x}));
        prop_assert_eq!(holds(json!({"$ne": x})), !eq);
        prop_assert_eq!(holds(json!({"$in": [x]})), eq);
        prop_assert_eq!(holds(json!({"$in": [x, y]})), eq || holds(json!({"$eq": y})));
        prop_assert_eq!(holds(json!({"$nin": [x, y]})), !holds(json!({"$in": [x, y]})));
        prop_assert_eq!(holds(json!({"$not": {"$eq": x}})), !eq);
        prop_assert_eq!(holds(json!({"$exists": true})), !holds(json!({"$exists": false})));
        if !value::is_nested(&x) {
            prop_assert_eq!(holds(json!({"$gte": x})), eq || holds(json!({"$gt": x})));
            prop_assert_eq!(holds(json!({"$lte": x})), eq || holds(json!({"$lt": x})));
        }
    }
}

fn filters() -> impl Strategy<Value = Value> {
    let field = "[ab](\\.[ab0]){0,2}";
    let test = prop_oneof![
        (prop::sample::select(vec!["$eq", "$ne"]), values())
            .prop_map(|(name, value)| object(name, value)),
        prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"])
            .prop_flat_map(|name| plain_values().prop_map(move |value| object(name, value))),
        (
            prop::sample::select(vec!["$in", "$nin"]),
            prop::collection::vec(values(), 1..5)
        )
            .prop_map(|(name, list)| object(name, Value::from(list))),
        any::<bool>().prop_map(|yes| json!({ "$exists": yes })),
    ];
    let leaf = (field, test).prop_map(|(field, test)| object(&field, test));
    leaf.prop_recursive(3, 8, 3, |inner| {
        (
            prop::sample::select(vec!["$and", "$or"]),
            prop::collection::vec(inner, 1..3),
        )
            .prop_map(|(name, list)| object(name, Value::from(list)))
    })
}

/// Columns as an image gives them back.
fn written_and_read(columns: &Columns, rows: usize, held: &Held<'_, '_>) -> Columns {
    let (disk, path) = (Simulated::default(), std::path::Path::new("image"));
    let head = Head {
        store: 1,
        generation: 1,
        covered: 64,
        next: 0,
    };
    let mut out = disk.create(path).unwrap();
    let mut to = Writer::new(&mut *out, &head);
    (0..crate::image::PARTS).for_each(|_| to.part());
    columns.write(&mut to, rows, held).unwrap();
    to.finish().unwrap();
    Columns::read(&mut Image::open(&disk, path).unwrap().part(0), rows)
}

proptest! {
    #[test]
    fn columns_answer_what_every_document_answers(
        documents in prop::collection::vec((values(), values()), 1..30),
        filters in prop::collection::vec(filters(), 1..4),
        gone in prop::collection::vec(0u32..30, 0..5),
        early in 0usize..30,
        saved in 0usize..10,
    ) {
        let documents: Vec<Map<String, Value>> = documents
            .into_iter()
            .map(|(a, b)| [("a".to_owned(), a), ("b".to_owned(), b)].into_iter().collect())
            .collect();
        let metadata = |row: u32| documents.get(row as usize).map(std::borrow::Cow::Borrowed);
        let mut columns = Columns::default();
        let mut rows = Bits::default();
        let filters: Vec<Filter> = filters.iter().map(|f| Filter::parse(f).unwrap()).collect();
        for (row, document) in (0u32..).zip(&documents) {
            rows.set(row, true);
            columns.push(row, document);
            if row as usize == early {
                // From here on there are columns that grow.
                for filter in &filters {
                    columns.matching(filter, &Held { rows: &rows, metadata: &metadata, sound: &|| true });
                }
            }
            if row as usize == early || row as usize == early + saved {
                let held = Held { rows: &rows, metadata: &metadata, sound: &|| true };
                columns = written_and_read(&columns, row as usize + 1, &held);
            }
        }
        gone.iter().for_each(|&row| rows.set(row, false));
        for filter in &filters {
            let held = Held { rows: &rows, metadata: &metadata, sound: &|| true };
            let found: Vec<u32> = columns.matching(filter, &held).iter().collect();
            let want = rows.iter().filter(|&row| filter.matches(&documents[row as usize]));
            prop_assert_eq!(found, want.collect::<Vec<_>>(), "{:?}", filter);
        }
    }
}
