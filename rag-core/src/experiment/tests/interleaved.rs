//! Interleaving against its promises: nobody is favoured, nothing is lost, and the better ranking wins.

use super::*;

proptest! {
    #[test]
    fn a_list_has_each_result_once_and_both_choose_as_often(
        a in prop::collection::vec(0u8..40, 0..30), b in prop::collection::vec(0u8..40, 0..30), k in 0usize..50, seed in any::<u64>(),
    ) {
        let texts = |ids: &[u8]| {
            let mut seen = HashSet::new();
            let once: Vec<String> = ids.iter().filter(|id| seen.insert(**id)).map(u8::to_string).collect();
            once
        };
        let (a, b) = (texts(&a), texts(&b));
        let (a, b): (Vec<&str>, Vec<&str>) = (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
        let list = interleave(&a, &b, k, seed).unwrap();
        prop_assert_eq!(&list, &interleave(&a, &b, k, seed).unwrap());
        let all: HashSet<&str> = a.iter().chain(&b).copied().collect();
        let shown: HashSet<&str> = list.ids.iter().map(String::as_str).collect();
        prop_assert_eq!(list.ids.len(), k.min(all.len()));
        prop_assert!(shown.len() == list.ids.len() && shown.is_subset(&all));
        let of = |team: Team| list.teams.iter().filter(|t| **t == Some(team)).count();
        prop_assert!(of(Team::A).abs_diff(of(Team::B)) <= 1);
        // Each team's results stand in the order of its ranking.
        for (team, ranking) in [(Team::A, &a), (Team::B, &b)] {
            let chosen = list.ids.iter().zip(&list.teams).filter(|(_, t)| **t == Some(team));
            let places: Vec<_> = chosen.map(|(id, _)| ranking.iter().position(|x| x == id)).collect();
            prop_assert!(places.is_sorted() && !places.contains(&None));
        }
    }
}

#[test]
fn equal_rankings_win_equally_often() {
    let ids = ["a", "b", "c", "d"];
    let test = Interleaving::new(0.01).unwrap();
    let mut rng = Rng::new(7);
    for seed in 0..4000 {
        let list = interleave(&ids, &ids, 4, seed).unwrap();
        let clicked = ids[rng.below(4)];
        test.record(&list, &[clicked]);
    }
    let found = test.status();
    assert!(
        found.better.is_none() && (found.share_a - 0.5).abs() < 0.04,
        "{found:?}"
    );
}

#[test]
fn the_better_ranking_wins_with_few_lists_and_processes_add_up() {
    let (good, bad) = (["r", "x", "y", "z"], ["x", "y", "r", "z"]);
    let parts = [
        Interleaving::new(0.05).unwrap(),
        Interleaving::new(0.05).unwrap(),
    ];
    let mut rng = Rng::new(8);
    for seed in 0..300 {
        let list = interleave(&bad, &good, 3, seed).unwrap();
        let noise = ["x", "y", "z"][rng.below(3)];
        let clicked = if rng.uniform() < 0.7 { "r" } else { noise };
        parts[seed as usize % 2].record(&list, &[clicked, clicked, "not shown"]);
    }
    let all = Interleaving::from_json(&parts[0].to_json().unwrap()).unwrap();
    for _ in 0..3 {
        all.merge(&parts[1].to_json().unwrap()).unwrap();
    }
    let found = all.status();
    assert_eq!(
        (found.a + found.b + found.ties, found.better),
        (300, Some("b")),
        "{found:?}"
    );
    assert!(Interleaving::new(0.0).is_err() && Interleaving::from_json("{}").is_err());
}

#[test]
fn what_only_one_ranking_has_left_is_shown_and_credited_to_nobody() {
    let list = interleave(&["a"], &["b", "c", "d"], 10, 3).unwrap();
    assert_eq!(list.ids.len(), 4);
    assert_eq!(list.teams[2..], [None, None]);
    assert_eq!(list.credit(&["c", "d", "e"]), (0, 0));
    assert_eq!(list.credit(&["a", "a", "b"]), (1, 1));
    assert!(interleave(&[], &[], 10, 3).unwrap().ids.is_empty());
    let error = interleave(&["a", "b", "a"], &[], 1, 3).unwrap_err();
    assert!(
        error.message().contains("result 2 for the second time"),
        "{error}"
    );
}
