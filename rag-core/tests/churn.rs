//! Documents that come and go: those that stay are found.

use rag_core::Rng;
use rag_core::collection::{Batch, Collection, Mode, Query};

const DIM: usize = 16;
/// Documents at first, and in all.
const MOST: usize = 7_000;
const LIVED: usize = 15_000;

fn vectors(rng: &mut Rng, n: usize) -> Vec<f32> {
    (0..n * DIM).map(|_| rng.normal() as f32).collect()
}

#[test]
fn what_stays_when_most_were_deleted_is_found_by_its_vector() {
    let mut rng = Rng::new(4);
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    let all = vectors(&mut rng, LIVED);
    let add = |range: std::ops::Range<usize>| {
        let ids: Vec<String> = range.clone().map(|i| i.to_string()).collect();
        let vectors = &all[range.start * DIM..range.end * DIM];
        collection.add(Batch::new(ids).vectors(vectors, DIM).unwrap())
    };
    add(0..MOST).unwrap();
    // As many go as come, and some more, until few are left.
    let (mut gone, mut come) = (0, MOST);
    while come < LIVED {
        let ids: Vec<String> = (gone..gone + 120).map(|i| i.to_string()).collect();
        collection.delete(&ids).unwrap();
        add(come..come + 100).unwrap();
        (gone, come) = (gone + 120, come + 100);
        if come % 2000 == 0 {
            let missed = (gone..come).filter(|&i| {
                let vector = all[i * DIM..][..DIM].to_vec();
                let query = Query::vector(vector).mode(Mode::Dense).k(1);
                collection.search(&query).unwrap()[0].id != i.to_string()
            });
            assert_eq!(missed.count(), 0, "of {}", come - gone);
        }
    }
}
