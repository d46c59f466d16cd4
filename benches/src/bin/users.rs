//! Many users in memory and in a store: bytes each, and how long a rating takes.
//!
//! `cargo run --release -p ragcore-benches --bin users [-- --users N] [--stored N]`
//! Every user gives two ratings (384 dimensions); eight dials, so that queries are moved by the span
//! of them too. Memory is the growth of the process over what it was with the dials alone, less the
//! history, which is bounded and filled before. The store keeps fewer, at durability `os`, is
//! closed, and opened again by its image. Times are of the processor, of one thread where not said
//! otherwise.

use rag_core::collection::{Batch, Collection, OpenOptions};
use rag_core::steering::{Feedback, MAX_EVENTS, Steering, SteeringVector};
use rag_core::store::Durability;
use rag_core::{Result, Rng};
use ragcore_benches::cpu::{memory, thread_seconds};
use std::hint::black_box;
use std::time::Instant;

const DIM: usize = 384;
const ITEMS: usize = 512;
/// Queries that are moved for the mean time of one.
const MOVED: usize = 20_000;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: usize| -> std::result::Result<usize, String> {
        let Some(at) = arguments.iter().position(|a| a == name) else {
            return Ok(default);
        };
        let text = arguments.get(at + 1).map_or("", String::as_str);
        let number = text.parse().ok().filter(|n| (1..=10_000_000).contains(n));
        number.ok_or_else(|| format!("{name}: a number in 1..=10000000, got \"{text}\""))
    };
    let (users, stored) = (number("--users", 1_000_000)?, number("--stored", 100_000)?);
    let mut rng = Rng::new(1);
    let items: Vec<Vec<f32>> = (0..ITEMS).map(|_| unit(&mut rng)).collect();
    in_memory(users, &items, &mut rng)?;
    in_a_store(stored, &items, &mut rng)?;
    Ok(())
}

fn unit(rng: &mut Rng) -> Vec<f32> {
    let mut row: Vec<f32> = (0..DIM).map(|_| rng.normal() as f32).collect();
    let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    row.iter_mut().for_each(|v| *v /= length);
    row
}

fn dials(rng: &mut Rng) -> Result<Vec<SteeringVector>> {
    let dial = |i| SteeringVector::from_parts(&format!("dial {i}"), &unit(rng), 0.2, None);
    (0..8).map(dial).collect()
}

fn in_memory(users: usize, items: &[Vec<f32>], rng: &mut Rng) -> Result<()> {
    let mut set = Steering::new();
    for dial in dials(rng)? {
        set.insert(dial)?;
    }
    let rate = |set: &mut Steering, i: usize, user: Option<&str>| {
        let (query, item) = (&items[i % ITEMS], &items[(7 * i + 1) % ITEMS]);
        let rated = Feedback {
            user,
            at: Some(i as f64),
            ..Feedback::new(query, item, (i % 2) as f64)
        };
        set.rate(&rated)
    };
    for i in 0..MAX_EVENTS {
        rate(&mut set, i, None)?;
    }
    let names: Vec<String> = (0..users).map(|i| format!("user-{i:08}")).collect();
    let (before, start) = (memory().0, Instant::now());
    let begun = thread_seconds(start);
    for turn in 0..2 {
        for (i, name) in names.iter().enumerate() {
            rate(&mut set, MAX_EVENTS + turn * users + i, Some(name))?;
        }
    }
    let each = (thread_seconds(start) - begun) / (2 * users) as f64;
    let bytes = (memory().0 - before) * 1024.0 * 1024.0 / users as f64;
    println!("{users} users of {DIM} dimensions in memory");
    println!(
        "  {bytes:.0} bytes a user, names included; {:.2} us a rating",
        1e6 * each
    );
    let begun = thread_seconds(start);
    for i in 0..MOVED {
        let name = &names[(i * 7919) % users];
        black_box(set.apply(&items[i % ITEMS], &[("dial 0", 1.0)], Some(name))?);
    }
    let each = (thread_seconds(start) - begun) / MOVED as f64;
    println!(
        "  {:.2} us to move a query by a dial and a user",
        1e6 * each
    );
    let begun = thread_seconds(start);
    let bytes = set.to_bytes();
    let written = thread_seconds(start) - begun;
    println!(
        "  {:.0} MB as bytes, made in {written:.2} s",
        bytes.len() as f64 / 1e6
    );
    drop(set);
    let begun = thread_seconds(start);
    let set = Steering::from_bytes(&bytes)?;
    let read = thread_seconds(start) - begun;
    println!("  read in {read:.2} s: {} users", set.users().count());
    Ok(())
}

fn in_a_store(users: usize, items: &[Vec<f32>], rng: &mut Rng) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("ragcore-users-{}", std::process::id()));
    let told = stored(users, items, rng, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    told
}

fn stored(users: usize, items: &[Vec<f32>], rng: &mut Rng, folder: &std::path::Path) -> Result<()> {
    let options = OpenOptions::default().durability(Durability::Os);
    let open = || Collection::open(folder, None, &options);
    let collection = open()?;
    let ids: Vec<String> = (0..ITEMS).map(|i| i.to_string()).collect();
    collection.add(Batch::new(&ids).vectors(&items.concat(), DIM)?)?;
    for dial in dials(rng)? {
        collection.steering().insert(dial)?;
    }
    let start = Instant::now();
    let begun = thread_seconds(start);
    for i in 0..users {
        let name = format!("user-{i:08}");
        let rated = Feedback::new(&items[i % ITEMS], &items[(7 * i + 1) % ITEMS], 1.0);
        collection.steering().rate(&rated.by(&name))?;
    }
    let each = (thread_seconds(start) - begun) / users as f64;
    println!("{users} users in a store");
    println!("  {:.2} us a rating, logged", 1e6 * each);
    let clock = Instant::now();
    collection.steering().insert(SteeringVector::from_parts(
        "one more", &items[0], 0.2, None,
    )?)?;
    println!(
        "  {:.1} ms by the clock to add a dial",
        1e3 * clock.elapsed().as_secs_f64()
    );
    let clock = Instant::now();
    collection.steering().forget("user-00000000")?;
    println!(
        "  {:.2} ms by the clock to forget a user",
        1e3 * clock.elapsed().as_secs_f64()
    );
    let clock = Instant::now();
    collection.checkpoint()?;
    println!(
        "  {:.0} ms by the clock for a checkpoint",
        1e3 * clock.elapsed().as_secs_f64()
    );
    drop(collection);
    let clock = Instant::now();
    let collection = open()?;
    let opened = 1e3 * clock.elapsed().as_secs_f64();
    let known = collection.steering().to_steering()?.users().count();
    println!("  {opened:.0} ms by the clock to open it again, with {known} users");
    Ok(())
}
