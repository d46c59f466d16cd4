//! What a user may set about caches.

crate::options! {
    /// How long and how much each layer keeps, and when a question is alike enough to another.
    ///
    /// A lifetime or a size of 0 turns a layer off.
    CacheOptions {
        /// Seconds for which the vectors of questions are kept.
        embeddings_s: f64 = 3600.0, in 0.0..=31_536_000.0;
        /// Seconds for which the passages for a question are kept.
        evidence_s: f64 = 1800.0, in 0.0..=31_536_000.0;
        /// Seconds for which answers are kept.
        answers_s: f64 = 900.0, in 0.0..=31_536_000.0;
        /// Seconds for which texts of documents are kept.
        texts_s: f64 = 3600.0, in 0.0..=31_536_000.0;
        /// Bytes of memory for the vectors of questions.
        embeddings_bytes: u64 = 64 << 20, in 0..=1 << 40;
        /// Bytes of memory for passages.
        evidence_bytes: u64 = 64 << 20, in 0..=1 << 40;
        /// Bytes of memory for answers.
        answers_bytes: u64 = 64 << 20, in 0..=1 << 40;
        /// Bytes of memory for texts of documents.
        texts_bytes: u64 = 128 << 20, in 0..=1 << 40;
        /// Most entries of each layer.
        entries: u64 = 1_000_000, in 0..=1 << 32;
        /// Most seconds that a caller waits for another who is making the same.
        wait_s: f64 = 60.0, in 0.0..=86_400.0;
        /// Cosine from which on two questions may share an answer, if nothing in their words tells them apart; none:
        /// only equal questions share one.
        near_duplicates: Option<f64> = None, in 0.5..=1.0;
        /// Questions that are remembered for that, for each tenant, model and setting.
        near_entries: usize = 1000, in 1..=100_000;
        /// Bytes of memory for them, all together.
        near_bytes: u64 = 64 << 20, in 0..=1 << 40;
        /// Share of near duplicates that are answered anew all the same, to see whether both answers agree.
        shadow_rate: f64 = 0.05, in 0.0..=1.0;
        /// Share of near duplicates that may get an answer that is not theirs; the cosine is raised to stay below.
        false_hit_budget: f64 = 0.005, in 0.0..=1.0;
        /// What the names of entries in the remote cache begin with.
        remote_prefix: String = "ragcore".to_owned();
        /// Seconds for which memory keeps a copy of what is in the remote cache, and so may miss that others cleared it.
        remote_copy_s: f64 = 60.0, in 0.0..=86_400.0;
        /// Largest entry in bytes that is put into the remote cache or taken from it.
        remote_entry_bytes: u64 = 8 << 20, in 0..=512 << 20;
        /// Milliseconds after which the remote cache is given up for a while.
        remote_timeout_ms: u64 = 100, in 1..=60_000;
        /// Longest pause in seconds until a remote cache that failed is tried again; the first is a sixteenth.
        remote_pause_s: f64 = 16.0, in 0.0..=3600.0;
    }
}

crate::option_enum! {
    /// What a layer keeps.
    LayerKind {
        /// Vectors of questions.
        Embeddings = "embeddings",
        /// Passages for questions.
        Evidence = "evidence",
        /// Answers.
        Answers = "answers",
        /// Texts of documents.
        Texts = "texts",
    }
}

impl CacheOptions {
    /// The lifetime in seconds and the bytes of a layer.
    pub(super) fn of(&self, kind: LayerKind) -> (f64, u64) {
        match kind {
            LayerKind::Embeddings => (self.embeddings_s, self.embeddings_bytes),
            LayerKind::Evidence => (self.evidence_s, self.evidence_bytes),
            LayerKind::Answers => (self.answers_s, self.answers_bytes),
            LayerKind::Texts => (self.texts_s, self.texts_bytes),
        }
    }
}
