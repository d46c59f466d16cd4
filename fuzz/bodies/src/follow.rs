//! A writer and those who only read the same store: what a call of a reader sees is one state of the
//! writer, the one after its last change, and never a part of one.

use crate::choices::Choices;
use crate::life::Life;
use crate::scratch::Scratch;
use rag_core::ErrorKind;
use rag_core::collection::{Batch, Collection, OpenOptions};
use rag_core::store::Durability;

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let scratch = Scratch::new("follow");
    let path = scratch.join("f");
    let durability = *choices.pick(&[Durability::Os, Durability::Sync, Durability::Memory]);
    let mut life = Life::new(choices.once_in(16));
    if durability == Durability::Memory {
        // Upkeep makes everything durable, and is not asked for by a call that could be named here.
        life.without_floods();
    }
    let options = OpenOptions::default().durability(durability);
    let write = |life: &Life| {
        let options = options.clone().dim(life.dim());
        Collection::open(&path, None, &options).expect("its own folder, sound files")
    };
    let read = || {
        let options = options.clone().read_only(true);
        Collection::open(&path, None, &options).expect("a store that is there")
    };
    let mut writer = Some(write(&life));
    // One looks after each change, the other now and then.
    let (mut near, mut far) = (read(), read());
    // What a reader can see: all, or what was made durable.
    let mut visible = life.clone();
    for _ in 0..if life.embeds() { 16 } else { 64 } {
        if choices.is_empty() {
            break;
        }
        let what = choices.below(16);
        let open = writer.get_or_insert_with(|| write(&life));
        match what {
            0..=8 => {
                life.change(open, &mut choices);
                if durability != Durability::Memory {
                    visible = life.clone();
                }
            }
            9 => open.checkpoint().expect("room for files"),
            10 => open.compact().expect("room for files"),
            11 => assert!(open.verify().expect("open").ok()),
            12 => {
                // Who closes leaves everything on disk, and the readers go on.
                if choices.once_in(2) {
                    open.close().expect("a sound store");
                }
                writer = None;
            }
            13 => near = read(),
            14 => far = read(),
            _ => visible.search(&far, &mut choices),
        }
        if (9..=12).contains(&what) {
            visible = life.clone();
        }
        visible.check(&near);
        if choices.once_in(4) {
            visible.search(&near, &mut choices);
        }
        if choices.once_in(4) {
            visible.check(&far);
        }
    }
    visible.check(&far);
    for reader in [&near, &far] {
        let refused = reader.add(Batch::new(["x"])).expect_err("it only reads");
        assert_eq!(refused.kind(), ErrorKind::ReadOnly);
        assert!(reader.verify().expect("open").ok());
    }
}
