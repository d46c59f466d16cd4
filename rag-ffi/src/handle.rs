//! Handles: pointers that are never followed.
//!
//! What C holds as `rag_bandit *` is a number: a mark that makes it no address, the generation of
//! a slot, and the slot's index. Each call looks the slot up, so a handle that was freed, freed
//! twice, confused with one of another type or made up is an error and never undefined. A slot
//! holds an `Arc`, so freeing a handle that another thread is using ends that use in peace.
//!
//! Behind a handle lies an `RwLock`: shared calls (`const T *`) take it for reading, exclusive
//! ones (`T *`) for writing, and neither waits. A call that would have to wait breaks the
//! header's rule about threads, or comes from inside a callback, and gets `RAG_STATUS_BUSY`.
//! A panic while writing poisons the lock, so half-changed objects are refused from then on.

use crate::guard::Fail;
use std::any::Any;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

/// The C name of a type and what lies behind its handles.
pub(crate) trait Noun {
    /// What the core calls it.
    type Value: Send + Sync + 'static;
    /// What C calls it.
    const NAME: &'static str;
}

macro_rules! noun {
    ($c:ident => $value:ty) => {
        impl $crate::handle::Noun for $c {
            type Value = $value;
            const NAME: &'static str = stringify!($c);
        }
    };
}
pub(crate) use noun;

/// Bits 63..56 of every handle. No user-space address begins like this.
const MARK: u64 = 0xA5 << 56;
const GENERATION_BITS: u32 = 28;
const INDEX_BITS: u32 = 28;

/// Slots are spread over shards so that threads seldom meet at a lock.
const SHARDS: usize = 16;

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    generation: u64,
    item: Option<(&'static str, Arc<dyn Any + Send + Sync>)>,
}

static REGISTRY: [RwLock<Shard>; SHARDS] = [const {
    RwLock::new(Shard {
        slots: Vec::new(),
        free: Vec::new(),
    })
}; SHARDS];

fn read(shard: usize) -> RwLockReadGuard<'static, Shard> {
    let lock = REGISTRY[shard].read();
    lock.unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: usize) -> RwLockWriteGuard<'static, Shard> {
    let lock = REGISTRY[shard].write();
    lock.unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a forked child from inheriting a registry that is locked by a thread it does not have:
/// the thread that forks holds all locks meanwhile.
#[cfg(unix)]
mod fork {
    use super::{SHARDS, Shard, write};
    use std::cell::RefCell;
    use std::sync::RwLockWriteGuard;
    use std::sync::atomic::{AtomicBool, Ordering};

    thread_local! {
        static HELD: RefCell<Vec<RwLockWriteGuard<'static, Shard>>> = const { RefCell::new(Vec::new()) };
    }

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: extern "C" fn(),
            parent: extern "C" fn(),
            child: extern "C" fn(),
        ) -> std::ffi::c_int;
    }

    extern "C" fn prepare() {
        // A thread that is ending has no such list any more, and no call in the library either.
        let _ = HELD.try_with(|held| held.borrow_mut().extend((0..SHARDS).map(write)));
    }

    extern "C" fn release() {
        let _ = HELD.try_with(|held| held.borrow_mut().clear());
    }

    pub(super) fn watch() {
        // No `Once`, which a fork in the wrong moment would leave half done in the child.
        static ASKED: AtomicBool = AtomicBool::new(false);
        if !ASKED.load(Ordering::Relaxed) && !ASKED.swap(true, Ordering::Relaxed) {
            // SAFETY: the three functions live as long as the program and do not unwind. If the
            // system has no room for them, forking is as it is without.
            unsafe { pthread_atfork(prepare, release, release) };
        }
    }
}

/// A new handle for `value`, which is the caller's to free.
pub(crate) fn give<N: Noun>(value: N::Value) -> *mut N {
    use std::sync::atomic::{AtomicUsize, Ordering};
    #[cfg(unix)]
    fork::watch();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    let item: Arc<dyn Any + Send + Sync> = Arc::new(RwLock::new(value));
    let mut slots = write(shard);
    let at = match slots.free.pop() {
        Some(at) => at,
        None => {
            slots.slots.push(Slot::default());
            slots.slots.len() - 1
        }
    };
    let index = (at * SHARDS + shard) as u64;
    assert!(
        index < 1 << INDEX_BITS,
        "too many handles are alive; free some"
    );
    let slot = &mut slots.slots[at];
    slot.item = Some((N::NAME, item));
    let bits = MARK | slot.generation << INDEX_BITS | index;
    std::ptr::without_provenance_mut(bits as usize)
}

/// Where a handle points to, if it looks like one: shard, slot, generation.
fn unpack(bits: u64) -> Option<(usize, usize, u64)> {
    if bits >> 56 != MARK >> 56 {
        return None;
    }
    let index = (bits & ((1 << INDEX_BITS) - 1)) as usize;
    let generation = bits >> INDEX_BITS & ((1 << GENERATION_BITS) - 1);
    Some((index % SHARDS, index / SHARDS, generation))
}

fn stale(parameter: &'static str, name: &'static str, why: &str) -> Fail {
    Fail::Handle(format!("{parameter} is no {name}: {why}"))
}

fn find<N: Noun>(handle: *const N, parameter: &'static str) -> Result<Arc<RwLock<N::Value>>, Fail> {
    if handle.is_null() {
        return Err(Fail::Null(parameter));
    }
    let refuse = |why: &str| stale(parameter, N::NAME, why);
    let Some((shard, at, generation)) = unpack(handle.addr() as u64) else {
        return Err(refuse("this library never gave out such a pointer"));
    };
    let slots = read(shard);
    let (name, item) = match slots.slots.get(at) {
        None => return Err(refuse("this library never gave out such a pointer")),
        Some(slot) if slot.generation != generation => return Err(refuse("it was freed")),
        Some(Slot { item: None, .. }) => return Err(refuse("it was freed")),
        Some(Slot {
            item: Some(item), ..
        }) => item,
    };
    match Arc::clone(item).downcast() {
        Ok(item) if *name == N::NAME => Ok(item),
        _ => Err(refuse(&format!("it is a {name}"))),
    }
}

/// Runs a call that may share the object with others.
pub(crate) fn with<N: Noun, R>(
    handle: *const N,
    parameter: &'static str,
    body: impl FnOnce(&N::Value) -> Result<R, Fail>,
) -> Result<R, Fail> {
    let item = find(handle, parameter)?;
    let value = item.try_read().map_err(|e| refused(&e, parameter))?;
    body(&value)
}

/// As [`with`], for a handle that may be NULL.
pub(crate) fn with_optional<N: Noun, R>(
    handle: *const N,
    parameter: &'static str,
    body: impl FnOnce(Option<&N::Value>) -> Result<R, Fail>,
) -> Result<R, Fail> {
    match handle.is_null() {
        true => body(None),
        false => with(handle, parameter, |value| body(Some(value))),
    }
}

/// Runs a call that needs the object for itself.
pub(crate) fn with_mut<N: Noun, R>(
    handle: *mut N,
    parameter: &'static str,
    body: impl FnOnce(&mut N::Value) -> Result<R, Fail>,
) -> Result<R, Fail> {
    let item = find(handle, parameter)?;
    let mut value = item.try_write().map_err(|e| refused(&e, parameter))?;
    body(&mut value)
}

fn refused<T>(why: &TryLockError<T>, parameter: &'static str) -> Fail {
    match why {
        TryLockError::Poisoned(_) => Fail::Poisoned(parameter),
        TryLockError::WouldBlock => Fail::Busy(parameter),
    }
}

/// Frees a handle; NULL is fine.
pub(crate) fn free<N: Noun>(handle: *mut N, parameter: &'static str) -> Result<(), Fail> {
    if handle.is_null() {
        return Ok(());
    }
    find(handle, parameter)?;
    let (shard, at, generation) =
        unpack(handle.addr() as u64).ok_or_else(|| stale(parameter, N::NAME, "it was freed"))?;
    let mut slots = write(shard);
    let slot = &mut slots.slots[at];
    if slot.generation != generation {
        return Err(stale(parameter, N::NAME, "it was freed"));
    }
    let item = slot.item.take();
    slot.generation += 1;
    // A slot whose generations are used up rests for ever: an old handle must not come back.
    if slot.generation < 1 << GENERATION_BITS {
        slots.free.push(at);
    }
    drop(slots);
    // Outside the lock: the object may take its time, or call back.
    drop(item);
    Ok(())
}

/// Handles that were given out and not freed.
pub(crate) fn alive() -> usize {
    let count = |shard| {
        let slots = read(shard);
        slots.slots.iter().filter(|s| s.item.is_some()).count()
    };
    (0..SHARDS).map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct rag_number;
    noun!(rag_number => u32);
    struct rag_word;
    noun!(rag_word => String);
    struct rag_other_number;
    noun!(rag_other_number => u32);

    fn value(handle: *const rag_number) -> Result<u32, Fail> {
        with(handle, "number", |n| Ok(*n))
    }

    #[test]
    fn stale_foreign_and_random_handles_are_refused() {
        let number = give::<rag_number>(7);
        assert_eq!(value(number).unwrap(), 7);
        let as_word: *const rag_word = number.cast();
        let wrong = with(as_word, "word", |_| Ok(())).unwrap_err();
        assert!(
            matches!(wrong, Fail::Handle(ref m) if m == "word is no rag_word: it is a rag_number")
        );
        // Two C types over one Rust type are still two.
        let other: *const rag_other_number = number.cast();
        assert!(with(other, "other", |_| Ok(())).is_err());
        free(number, "number").unwrap();
        assert!(matches!(value(number), Err(Fail::Handle(_))));
        assert!(matches!(free(number, "number"), Err(Fail::Handle(_))));
        let mut rng = rag_core::Rng::new(5);
        for _ in 0..100_000 {
            let bits = rng.next_u64();
            for bits in [bits, MARK | bits >> 8, MARK | bits >> 40] {
                let made_up: *const rag_word = std::ptr::without_provenance(bits as usize);
                assert!(with(made_up, "word", |_| Ok(())).is_err());
            }
        }
        assert!(matches!(value(std::ptr::null()), Err(Fail::Null("number"))));
        assert!(free::<rag_number>(std::ptr::null_mut(), "number").is_ok());
    }

    #[test]
    fn a_reused_slot_does_not_answer_to_the_old_handle() {
        let first = give::<rag_number>(1);
        free(first, "number").unwrap();
        let fresh: Vec<_> = (0..64).map(give::<rag_number>).collect();
        assert!(matches!(value(first), Err(Fail::Handle(_))));
        fresh.into_iter().for_each(|h| free(h, "number").unwrap());
    }

    #[test]
    fn an_exclusive_call_inside_another_is_busy_not_stuck() {
        let number = give::<rag_number>(1);
        let inner = with_mut(number, "number", |_| Ok(value(number))).unwrap();
        assert!(matches!(inner, Err(Fail::Busy("number"))));
        free(number, "number").unwrap();
    }

    #[test]
    fn a_panic_while_changing_poisons_and_while_reading_does_not() {
        let number = give::<rag_number>(1);
        let panics = |change: bool| {
            std::panic::catch_unwind(|| match change {
                true => with_mut(number, "number", |_| -> Result<(), Fail> { panic!("half") }),
                false => with(number, "number", |_| -> Result<(), Fail> { panic!("read") }),
            })
            .unwrap_err();
        };
        panics(false);
        assert_eq!(value(number).unwrap(), 1);
        panics(true);
        assert!(matches!(value(number), Err(Fail::Poisoned("number"))));
        free(number, "number").unwrap();
    }

    #[test]
    fn threads_may_free_what_others_use() {
        for _ in 0..200 {
            let number = give::<rag_number>(3).expose_provenance();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(move || {
                        let number = std::ptr::with_exposed_provenance_mut::<rag_number>(number);
                        if let Ok(n) = value(number) {
                            assert_eq!(n, 3);
                        }
                        let _ = free(number, "number");
                    });
                }
            });
        }
    }
}
