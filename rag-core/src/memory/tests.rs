//! Facts in place, apart by user, over in time, gone from the files.

use super::*;
use crate::clock::ManualClock;
use crate::collection::OpenOptions;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn memory() -> Memory {
    memory_at(0.0).0
}

fn memory_at(now: f64) -> (Memory, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(now));
    let facts = Collection::in_memory(None, None).unwrap();
    let memory = Memory::open(facts, &MemoryOptions::default()).unwrap();
    (memory.with_clock(clock.clone()), clock)
}

fn in_session(user: &str, session: &str, key: &str, value: Value) -> Fact {
    Fact {
        session: Some(session.to_owned()),
        ..Fact::new(user, key, value)
    }
}

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ragcore-memory-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn a_key_is_updated_in_place_and_says_since_when() {
    let (memory, clock) = memory_at(100.0);
    let source = Source {
        kind: SourceKind::Message,
        id: Some("m1".to_owned()),
    };
    let first = Fact {
        source: Some(source.clone()),
        ..Fact::new("ann", "city", json!("Bern"))
    };
    memory.remember(first).unwrap();
    clock.advance(50.0);
    let kept = memory
        .remember(Fact::new("ann", "city", json!({"name": "Basel"})))
        .unwrap();
    assert_eq!(
        (kept.created, kept.updated, memory.len().unwrap()),
        (100.0, 150.0, 1)
    );
    let earlier = Earlier {
        value: json!("Bern"),
        updated: 100.0,
        source: Some(source),
    };
    assert_eq!(kept.previous, Some(earlier));
    assert_eq!(memory.recall("ann", None, "city").unwrap(), Some(kept));
    let without = MemoryOptions::default().previous(false);
    let memory = Memory::open(memory.collection().clone(), &without).unwrap();
    let kept = memory
        .remember(Fact::new("ann", "city", json!("Chur")))
        .unwrap();
    assert_eq!(kept.previous, None);
}

#[test]
fn sessions_are_apart_from_each_other_and_from_what_always_holds() {
    let memory = memory();
    memory
        .remember(Fact::new("ann", "mood", json!("calm")))
        .unwrap();
    memory
        .remember(in_session("ann", "s1", "mood", json!("busy")))
        .unwrap();
    memory
        .remember(in_session("ann", "s2", "mood", json!("tired")))
        .unwrap();
    let mood = |session| {
        memory
            .recall("ann", session, "mood")
            .unwrap()
            .map(|fact| fact.value)
    };
    assert_eq!(mood(None), Some(json!("calm")));
    assert_eq!(mood(Some("s1")), Some(json!("busy")));
    assert_eq!(mood(Some("s3")), None);
    assert_eq!(memory.facts("ann", None).unwrap().len(), 3);
    assert_eq!(memory.facts("ann", Some("s2")).unwrap().len(), 1);
    assert_eq!(memory.forget("ann", Some("s1"), None).unwrap(), 1);
    assert_eq!(memory.forget("ann", None, Some("mood")).unwrap(), 2);
    assert_eq!(memory.forget("ann", None, None).unwrap(), 0);
}

/// Names that would run into each other if they were only put one behind the other.
const HOSTILE: [&str; 16] = [
    "a",
    "aa",
    ":",
    "1:",
    "1:-:",
    "a:1",
    "1:1:a",
    "-",
    "$",
    "user",
    "{\"$ne\":1}",
    "é",
    "e\u{301}",
    "\u{202e}a",
    "a b",
    "😀",
];

#[test]
fn no_user_reads_what_another_keeps_whatever_their_names_are() {
    let memory = memory();
    let mut facts = Vec::new();
    for user in HOSTILE {
        for key in HOSTILE {
            facts.push(Fact::new(
                user,
                key,
                json!(format!("canary of {user} under {key}")),
            ));
            for session in HOSTILE {
                facts.push(in_session(
                    user,
                    session,
                    key,
                    json!(format!("canary {user} {session} {key}")),
                ));
            }
        }
    }
    let n = facts.len();
    memory.remember_many(facts).unwrap();
    assert_eq!(
        memory.len().unwrap(),
        n,
        "every name is a document of its own"
    );
    let each = HOSTILE.len() * (HOSTILE.len() + 1);
    let sly = Filter::parse(&json!({"$or": [{"user": {"$exists": true}}, {"user": "a"}]})).unwrap();
    for user in HOSTILE {
        let facts = memory.facts(user, None).unwrap();
        assert!(facts.len() == each && facts.iter().all(|fact| fact.user == user));
        let found = memory.search(user, "canary", Some(&sly), 10_000).unwrap();
        assert!(found.len() == each && found.iter().all(|fact| fact.user == user));
        let fact = memory.recall(user, Some("1:"), ":").unwrap().unwrap();
        assert_eq!(fact.value, json!(format!("canary {user} 1: :")));
    }
    assert_eq!(memory.forget("a", None, None).unwrap(), each);
    assert_eq!(memory.len().unwrap(), n - each);
    for bad in ["", "a\0b"] {
        assert!(memory.facts(bad, None).is_err() && memory.recall("a", Some(bad), "k").is_err());
    }
}

#[test]
fn what_is_over_is_not_found_and_swept_on_request() {
    let (memory, clock) = memory_at(1000.0);
    let until = |key: &str, over: f64| Fact {
        expires_at: Some(over),
        ..Fact::new("ann", key, json!("a cold"))
    };
    memory.remember(until("today", 1010.0)).unwrap();
    memory.remember(until("later", 1020.0)).unwrap();
    memory
        .remember(Fact::new("ann", "always", json!("a cold")))
        .unwrap();
    let keys = || -> Vec<String> {
        memory
            .facts("ann", None)
            .unwrap()
            .into_iter()
            .map(|f| f.key)
            .collect()
    };
    assert_eq!(keys(), ["always", "later", "today"]);
    clock.advance(10.0);
    assert_eq!(
        keys(),
        ["always", "later"],
        "the second that it says is over"
    );
    assert!(memory.recall("ann", None, "today").unwrap().is_none());
    assert_eq!(memory.search("ann", "cold", None, 1).unwrap().len(), 1);
    let anew = memory.remember(until("today", 1100.0)).unwrap();
    assert!(
        anew.previous.is_none() && anew.created == 1010.0,
        "what was over is not taken up again"
    );
    clock.advance(50.0);
    assert_eq!((memory.sweep().unwrap(), memory.len().unwrap()), (1, 2));
    let error = memory.remember(until("past", 1060.0)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("expires_at is 1060 and it is 1060 now"),
        "{error}"
    );
}

#[test]
fn a_search_finds_words_of_keys_and_values_under_a_filter() {
    let memory = memory();
    memory
        .remember(Fact::new(
            "ann",
            "favourite_drink",
            json!({"name": "green tea", "cups": 3}),
        ))
        .unwrap();
    memory
        .remember(Fact::new("ann", "pet", json!(["cat", "Tea the dog"])))
        .unwrap();
    let keys = |text: &str, filter: Option<&Filter>| -> Vec<String> {
        memory
            .search("ann", text, filter, 5)
            .unwrap()
            .into_iter()
            .map(|f| f.key)
            .collect()
    };
    assert_eq!(keys("drinks", None), ["favourite_drink"]);
    assert_eq!(keys("tea", None).len(), 2);
    let many = Filter::parse(&json!({"value.cups": {"$gte": 2}})).unwrap();
    assert_eq!(keys("tea", Some(&many)), ["favourite_drink"]);
    assert!(keys("coffee", None).is_empty());
    assert!(memory.search("ann", "tea", None, 0).is_err());
}

#[test]
fn bad_facts_are_refused_without_their_words_and_nothing_of_the_batch_is_kept() {
    let memory = memory();
    let canary = "xyzzy-canary-words";
    let long = json!(format!("{canary} {}", "word ".repeat(14_000)));
    let deep = (0..40).fold(json!(canary), |value, _| json!([value]));
    let mut unsure = Fact::new("ann", "a", json!(canary));
    unsure.confidence = f64::NAN;
    let mut late = Fact::new("ann", "a", json!(canary));
    late.at = Some(f64::INFINITY);
    for (bad, said) in [
        (Fact::new("ann", "a", long), "the value has"),
        (Fact::new("ann", "a", deep), "nests deeper than 32"),
        (
            Fact::new("ann", "", json!(canary)),
            "a key has at least one byte",
        ),
        (
            Fact::new("a\0b", "a", json!(canary)),
            "a user has at least one byte",
        ),
        (in_session("ann", "", "a", json!(canary)), "a session has"),
        (
            Fact::new("ann", "k".repeat(480), json!(canary)),
            "483 bytes together, at most 480",
        ),
        (unsure, "confidence must be in 0..=1"),
        (late, "at must be Unix seconds"),
        (
            Fact::new(
                "ann",
                "a",
                json!(format!("{canary} sk-abcdefghijklmnop1234")),
            ),
            "looks like a password",
        ),
    ] {
        let error = memory
            .remember_many(vec![Fact::new("ann", "good", json!("word")), bad])
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(said) && message.starts_with("fact 1: "),
            "{message}"
        );
        assert!(
            !format!("{error:?} {message}").contains(canary),
            "{message}"
        );
    }
    let twice = vec![
        Fact::new("ann", "a", json!("one")),
        Fact::new("ann", "a", json!("two")),
    ];
    let error = memory.remember_many(twice).unwrap_err();
    assert!(
        error.to_string().starts_with("facts 0 and 1 have the same"),
        "{error}"
    );
    assert!(memory.is_empty().unwrap());
    let error =
        Fact::from_json(r#"{"user": "ann", "key": "k", "value": 1, "canary": 2}"#).unwrap_err();
    assert!(
        error.to_string().starts_with("this is no fact as JSON")
            && !error.to_string().contains("canary")
    );
}

#[test]
fn what_was_forgotten_is_gone_from_the_files_after_compact() {
    let path = scratch("forget");
    let open = || Collection::open(&path, None, &OpenOptions::default()).unwrap();
    let memory = Memory::open(open(), &MemoryOptions::default()).unwrap();
    let canary = "quokka";
    memory
        .remember(Fact::new("bob", "pet", json!("an ordinary wombat")))
        .unwrap();
    memory
        .remember(Fact::new("ann", "pet", json!(format!("a {canary}x"))))
        .unwrap();
    memory
        .remember(Fact::new("ann", "pet", json!(format!("a {canary}y"))))
        .unwrap();
    memory.collection().checkpoint().unwrap();
    assert!(is_in_files(&path, canary));
    assert_eq!(memory.forget("ann", None, None).unwrap(), 1);
    memory.compact().unwrap();
    assert!(!is_in_files(&path, canary) && is_in_files(&path, "wombat"));
    memory.collection().close().unwrap();
    let again = Memory::open(open(), &MemoryOptions::default()).unwrap();
    assert!(again.facts("ann", None).unwrap().is_empty());
    assert_eq!(again.facts("bob", None).unwrap().len(), 1);
    drop(again);
    std::fs::remove_dir_all(&path).unwrap();
}

fn is_in_files(path: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(path).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[test]
fn threads_that_update_one_key_lose_nothing_of_its_history() {
    let memory = memory();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let memory = memory.clone();
            scope.spawn(move || {
                for i in 0..25 {
                    memory
                        .remember(Fact::new("ann", "n", json!(thread * 100 + i)))
                        .unwrap();
                    assert!(memory.recall("ann", None, "n").unwrap().is_some());
                }
            });
        }
    });
    let fact = memory.recall("ann", None, "n").unwrap().unwrap();
    assert_ne!(Some(fact.value), fact.previous.map(|p| p.value));
    assert_eq!(memory.len().unwrap(), 1);
}

#[test]
fn a_schema_names_the_place_and_nothing_that_stands_there() {
    let schema = Schema::parse(&json!({
        "type": "object", "title": "a profile",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "name": {"type": ["string", "null"], "maxLength": 3},
            "home": {"type": "object", "required": ["zip"], "additionalProperties": {"type": "number"}},
            "likes": {"type": "array", "items": {"enum": ["tea", 2, [1]]}},
        },
        "additionalProperties": false,
    }))
    .unwrap();
    for good in [
        json!({}),
        json!({"age": 3.0}),
        json!({"name": "äöü"}),
        json!({"name": null}),
        json!({"likes": ["tea", 2.0, [1.0]]}),
        json!({"home": {"zip": 1, "x": 2.5}}),
    ] {
        assert!(schema.check(&good).is_ok(), "{good}");
    }
    for (bad, said) in [
        (json!([]), "the value must be object, got an array"),
        (json!({"age": 3.5}), "age must be integer, got a number"),
        (json!({"age": -1}), "age must be at least 0, got less"),
        (json!({"age": 1e300}), "age must be at most 150, got more"),
        (
            json!({"name": "secret"}),
            "name must have at most 3 characters, got 6",
        ),
        (json!({"home": {}}), "home.zip is missing"),
        (
            json!({"home": {"zip": 1, "secret": "x"}}),
            "home.(another name) must be number, got a string",
        ),
        (
            json!({"likes": ["tea", "secret"]}),
            "likes[1] must be one of the 3 values that the schema lists, got a string",
        ),
        (
            json!({"secret": 1}),
            "the value has a name of 6 bytes that the schema does not have; there are age, home, likes, name",
        ),
    ] {
        assert_eq!(schema.check(&bad).unwrap_err().to_string(), said);
    }
    for (bad, said) in [
        (json!("x"), "the schema must be an object, got a string"),
        (
            json!({"type": "text"}),
            "the schema's type must be one of null",
        ),
        (
            json!({"properties": {"a": {"pattern": "x"}}}),
            "the schema's properties.a's pattern is not understood",
        ),
        (
            json!({"minimum": 2, "maximum": 1}),
            "the schema has a minimum of 2 above its maximum of 1",
        ),
        (
            json!({"maxLength": -1}),
            "the schema's maxLength must be a whole number",
        ),
        (
            json!({"enum": []}),
            "the schema's enum must be a list of at least one value",
        ),
        (
            (0..40).fold(json!({}), |inner, _| json!({"items": inner})),
            "deeper than 32 levels",
        ),
    ] {
        let error = Schema::parse(&bad).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(
        memory()
            .with_schema(Schema::parse(&json!({"required": ["a"]})).unwrap())
            .is_err()
    );
    assert!(
        memory()
            .with_schema(Schema::parse(&json!({"type": "string"})).unwrap())
            .is_err()
    );
}

#[test]
fn junk_and_secrets_are_told_from_facts() {
    let junk = |value: Value| is_junk("note", &value, 50);
    for (value, want) in [
        (json!(null), Junk::Empty),
        (json!("  \n"), Junk::Empty),
        (json!([]), Junk::Empty),
        (json!({"a": [""]}), Junk::Empty),
        (json!("?!... --"), Junk::Punctuation),
        (json!(["!", "?"]), Junk::Punctuation),
        (json!("Thanks!!"), Junk::Greeting),
        (json!("  hello,   there "), Junk::Greeting),
        (json!("x".repeat(51)), Junk::TooLong),
        (json!("4111 1111 1111 1111"), Junk::Card),
        (json!(4_111_111_111_111_111_u64), Junk::Card),
        (json!("pay with 5500-0000-0000-0004."), Junk::Card),
        (json!("AKIAIOSFODNN7EXAMPLE"), Junk::Secret),
        (json!("use (sk-abcdefghijklmnop1234)"), Junk::Secret),
        (json!("password: hunter2"), Junk::Secret),
        (json!("my pin is 4711"), Junk::Secret),
        (json!({"api_key": "abc"}), Junk::Secret),
        (json!("token=abcd1234"), Junk::Secret),
        (json!("0123456789abcdef0123456789abcdef"), Junk::Secret),
        (json!("aB3dE5gH7jK9mN1pQ3sT5vW7"), Junk::Secret),
        (json!("-----BEGIN RSA PRIVATE KEY-----"), Junk::Secret),
    ] {
        assert_eq!(junk(value.clone()), Some(want), "{value}");
    }
    for value in [
        json!("ok, use metric units"),
        json!(0),
        json!(false),
        json!("4111 1111 1111 1112"),
        json!("2026-12-01 10:15"),
        json!("+41 79 123 45 67"),
        json!("123e4567-e89b-12d3-a456-426614174000"),
        json!("https://example.org/a/Very/Long/Path/With9Parts"),
        json!("forgot the password"),
        json!("👍"),
        json!("日本語"),
        json!("Donaudampfschifffahrtsgesellschaft"),
        json!("the secret is patience"),
    ] {
        assert_eq!(junk(value.clone()), None, "{value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn ids_are_read_back_as_they_were_made(
        user in "[^\0]{1,40}", session in proptest::option::of("[^\0]{1,40}"), key in "[^\0]{1,40}",
    ) {
        let name = Name { user: &user, session: session.as_deref(), key: &key };
        let id = name.id().unwrap();
        prop_assert!(id.len() <= 512);
        prop_assert_eq!(Name::parse(&id), Some(name));
    }

    #[test]
    fn anything_may_be_asked_as_an_id(id in ".{0,60}") {
        let _ = Name::parse(&id);
    }

    /// Against a map from names to values.
    #[test]
    fn a_memory_is_a_map(steps in proptest::collection::vec((0..5u8, 0..3usize, 0..3usize, 0..3usize, 0..100u32), 1..40)) {
        let memory = memory();
        let mut map: BTreeMap<(usize, usize, usize), u32> = BTreeMap::new();
        let names = ["u", "1:-:u", "u1"];
        let session = |s: usize| (s > 0).then(|| names[s]);
        for (step, u, s, k, value) in steps {
            match step {
                0..=2 => {
                    let mut fact = Fact::new(names[u], names[k], json!(value));
                    fact.session = session(s).map(str::to_owned);
                    memory.remember(fact).unwrap();
                    map.insert((u, s, k), value);
                }
                3 => {
                    let gone = memory.forget(names[u], session(s), Some(names[k])).unwrap();
                    let before = map.len();
                    map.retain(|&(mu, ms, mk), _| !(mu == u && mk == k && (s == 0 || ms == s)));
                    prop_assert_eq!(gone, before - map.len());
                }
                _ => {
                    let found = memory.recall(names[u], session(s), names[k]).unwrap().map(|f| f.value);
                    prop_assert_eq!(found, map.get(&(u, s, k)).map(|v| json!(v)));
                }
            }
        }
        for (u, name) in names.iter().enumerate() {
            let want = map.keys().filter(|key| key.0 == u).count();
            prop_assert_eq!(memory.facts(name, None).unwrap().len(), want);
        }
    }
}
