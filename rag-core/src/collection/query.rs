//! What is searched for, and how.

use crate::error::{Error, Result};
use crate::retrieval::filter::Filter;
use crate::steering::Application;
use crate::{option_enum, options};

option_enum! {
    /// Which indexes a search asks.
    Mode {
        /// BM25 and vectors together.
        Hybrid = "hybrid",
        /// Vectors alone.
        Dense = "dense",
        /// BM25 alone.
        Lexical = "lexical",
    }
}

option_enum! {
    /// How hybrid search makes one score of two.
    Fusion {
        /// A weighted sum, each score normalised by its theoretical range.
        Convex = "convex",
        /// Reciprocal ranks (Cormack et al., 2009).
        Rrf = "rrf",
    }
}

option_enum! {
    /// How dials are applied.
    SteerMode {
        /// Dials move the query's vector.
        Vector = "vector",
        /// Dials add to the cosine of a document by how likely it has their attribute.
        Rerank = "rerank",
    }
}

options! {
    /// How a search ranks and how far it looks.
    SearchOptions {
        /// Most hits to return.
        k: usize = 10, in 1..=10_000;
        /// Which indexes are asked.
        mode: Mode = Mode::Hybrid;
        /// The share of BM25 in convex fusion; none means the default of 0.25.
        bm25_weight: Option<f32> = None, in 0.0..=1.0;
        /// How hybrid search makes one score of two.
        fusion: Fusion = Fusion::Convex;
        /// The trade of MMR (Carbonell and Goldstein, 1998): 0 ranks by score alone, 1 by novelty alone.
        diversity: f32 = 0.0, in 0.0..=1.0;
        /// The share of similarity that all dials and the user may cost together; what would cost more
        /// is shortened. None sets no bound.
        max_loss: Option<f64> = None, in 0.0001..=0.5;
        /// The way that dials and the user move the query.
        application: Application = Application::Additive;
        /// Whether every document is scored. Without it the vectors of a collection with 2,048 or more
        /// are found through a graph, which may miss some; scores are exact either way.
        exact: bool = false;
        /// Vectors that a walk through the graph keeps in view: more of them look further and take
        /// longer. None means 400 if vectors alone decide, else 40, or more where more hits are needed.
        effort: Option<usize> = None, in 1..=10_000;
        /// Whether each hit carries the split of its score.
        explain: bool = false;
        /// The lowest probability of relevance that is returned, so that fewer than k hits may come
        /// back; it needs a collection that was calibrated for such searches.
        min_relevance: Option<f32> = None, in 0.0..=1.0;
        /// How dials are applied: they move the query's vector, or documents are ranked by
        /// cosine plus what each dial adds, its strength and scale times the probability that the
        /// document has the attribute. For the latter dials must have been learnt from texts.
        steer_mode: SteerMode = SteerMode::Vector;
    }
}

/// The share of BM25 when the caller names none. Chosen by a sweep over four public test sets;
/// `benches/RESULTS.md` has the figures.
pub const DEFAULT_BM25_WEIGHT: f32 = 0.25;

/// A question to a collection: text, vector or both, with filters, dials and options.
///
/// ```
/// use rag_core::collection::Query;
/// let query = Query::text("how do I reset it?").k(5).steer("plain words", 0.8).user("u1");
/// assert_eq!(query.options.k, 5);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The question's text.
    pub text: Option<String>,
    /// The question's own embedding, if the caller has one.
    pub vector: Option<Vec<f32>>,
    /// Which documents may be found.
    pub filter: Option<Filter>,
    /// Dials and their strengths.
    pub steer: Vec<(String, f64)>,
    /// Whose taste moves the query.
    pub user: Option<String>,
    /// The rest.
    pub options: SearchOptions,
}

impl Query {
    /// A question in words; embedded by the collection's embedder where the mode needs it.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    /// A question as a vector. Without a text the mode is dense.
    pub fn vector(vector: impl Into<Vec<f32>>) -> Self {
        Self {
            vector: Some(vector.into()),
            ..Self::default()
        }
    }

    /// Gives a text question its embedding.
    #[must_use]
    pub fn with_vector(mut self, vector: impl Into<Vec<f32>>) -> Self {
        self.vector = Some(vector.into());
        self
    }

    /// Most hits to return.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.options.k = k;
        self
    }

    /// Which indexes are asked.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// All options at once.
    #[must_use]
    pub fn options(mut self, options: SearchOptions) -> Self {
        self.options = options;
        self
    }

    /// Which documents may be found.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Turns a dial: 0 changes nothing, 1 costs 3% of similarity, negative turns the other way.
    #[must_use]
    pub fn steer(mut self, dial: impl Into<String>, strength: f64) -> Self {
        self.steer.push((dial.into(), strength));
        self
    }

    /// How dials are applied.
    #[must_use]
    pub fn steer_mode(mut self, mode: SteerMode) -> Self {
        self.options.steer_mode = mode;
        self
    }

    /// Whose taste moves the query.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The mode that can be answered: a question that is only a vector asks the dense side.
    pub(crate) fn effective_mode(&self) -> Result<Mode> {
        match (self.options.mode, &self.text, &self.vector) {
            (_, None, None) => Err(Error::invalid(
                "the query has neither text nor vector; give one of them",
            )),
            (Mode::Lexical, None, _) => Err(Error::invalid(
                "a lexical search needs the query's text, got a vector only",
            )),
            (_, None, Some(_)) => Ok(Mode::Dense),
            (mode, _, _) => Ok(mode),
        }
    }
}
