//! What each fuzz target does with its bytes.
//!
//! A body takes any bytes, hands them to the library in one way, and panics where a promise is
//! broken. It stands here, apart from the fuzzer, so that the ordinary tests put every input
//! through it that fuzzing has kept: `fuzz/corpus` and `fuzz/crashes`.

mod calls;
mod choices;
mod collection;
mod dense;
mod filter;
mod follow;
mod image;
mod lexical;
mod life;
mod metadata;
mod model;
mod record;
mod saved;
mod scratch;
mod store;
mod text;

macro_rules! targets {
    ($($name:ident: $about:literal;)*) => {
        $(
            #[doc = $about]
            pub fn $name(data: &[u8]) {
                $name::run(data);
            }
        )*

        /// Every target with its name.
        pub const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name)),*];
    };
}

targets! {
    calls: "Sequences of calls of the C interface.";
    collection: "The life of a collection against a plain map.";
    dense: "Additions, removals and searches of an index with a graph.";
    filter: "Any text as a filter over any metadata.";
    follow: "A writer and readers of one store.";
    image: "A collection whose image or log was damaged.";
    lexical: "Any bytes as the file of a lexical index.";
    metadata: "Any bytes as the metadata of a document.";
    model: "A model folder with changes.";
    record: "Any bytes as the records of a collection.";
    saved: "Any bytes as something that is saved by itself.";
    store: "A store whose files were damaged.";
    text: "Any text to words, sentences, chunks, tokens and vectors.";
}
