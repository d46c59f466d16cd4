//! What a caller can choose.

use crate::{option_enum, options};

option_enum! {
    /// The arithmetic of an embedder.
    Precision {
        /// The fastest on this processor that keeps every vector within a cosine of .9999: brain
        /// floats where the processor multiplies them, f32 elsewhere.
        Auto = "auto",
        /// 32-bit floats throughout.
        F32 = "f32",
        /// 16-bit brain floats in linear layers and attention, sums in f32.
        Bf16 = "bf16",
        /// 8-bit integers in the linear layers, a scale for each token and each output; brain
        /// floats elsewhere. The smallest and fastest; about one neighbour in twenty changes.
        Int8 = "int8",
    }
}

option_enum! {
    /// What a text is to the search: some models put another prompt before each.
    TextKind {
        /// Something to be found.
        Document = "document",
        /// Something to search for.
        Query = "query",
    }
}

options! {
    /// How a model is opened.
    EmbedderOptions {
        /// Where to compute: "cpu", "cuda" (an NVIDIA GPU; "cuda:1" is the second), "metal" (Apple's), or "candle" (the CPU with what GPUs run). All but "cpu" need a build with that feature.
        device: String = "cpu".to_owned();
        /// The arithmetic of a model folder; the built-in model has one of its own.
        precision: Precision = Precision::Auto;
        /// Threads to use; none means all that the machine offers. It never changes a result.
        threads: Option<usize> = None, in 1..=256;
        /// Tokens of a text that are read, special ones included; none means the model's own setting.
        max_tokens: Option<usize> = None, in 1..=1_000_000;
        /// How long a call that finds the engine idle waits for others to share its pass. It never changes a result.
        max_wait_ms: usize = 0, in 0..=10_000;
        /// Tokens of several calls that may share a pass; none means the engine's own choice. It never changes a result.
        max_batch: Option<usize> = None, in 1..=65_536;
    }
}

options! {
    /// How texts are embedded.
    EncodeOptions {
        /// Whether the texts are documents or queries; models with prompts tell them apart.
        kind: TextKind = TextKind::Document;
        /// Whether vectors are scaled to unit length. A model folder that asks for it always does.
        normalize: bool = true;
    }
}
