//! The extension module `ragcore._core`: the classes of the core, as thin as they can be.
//!
//! The package `ragcore` (python/ragcore) stands in front of it: it coerces arrays and texts to
//! one shape, so that this crate sees contiguous float32 rows, uint64 keys and lists of strings.
//! Every function here does four steps: convert, set options by name, call without the
//! interpreter, map the outcome.

mod attribute;
mod bandit;
mod caching;
mod calibration;
mod call;
#[cfg_attr(not(feature = "http"), path = "chat_absent.rs")]
mod chat;
mod chunking;
mod collection;
mod convert;
mod dense;
mod dials;
mod domain;
mod embedding;
mod engine;
mod error;
mod evaluation;
mod experiment;
mod fronts;
mod generation;
mod guarded;
mod hits;
mod lexical;
mod measures;
mod metadata;
mod metrics;
mod optimize;
mod prompting;
mod ranking;
mod routing;
mod shards;
mod sharing;
mod steering;
mod tables;
mod taste;
mod tuned;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use attribute::AttributeModel;
    #[pymodule_export]
    use bandit::Bandit;
    #[pymodule_export]
    use caching::{Cache, question_difference};
    #[pymodule_export]
    use calibration::Calibration;
    #[pymodule_export]
    use chat::ChatModel;
    #[pymodule_export]
    use chunking::Chunker;
    #[pymodule_export]
    use collection::Collection;
    #[pymodule_export]
    use dense::DenseIndex;
    #[pymodule_export]
    use dials::CollectionSteering;
    #[pymodule_export]
    use domain::DomainDetector;
    #[pymodule_export]
    use embedding::Embedder;
    #[pymodule_export]
    use engine::{Asked, Cancel, Engine, Evidence, History, Memory, read_documents};
    #[pymodule_export]
    use error::{error_kinds, fail};
    #[pymodule_export]
    use evaluation::{compare_runs, evaluate, read_qrels, read_run};
    #[pymodule_export]
    use experiment::{Experiment, Interleaving, interleave, interleaving_credit, stable_hash};
    #[pymodule_export]
    use fronts::{
        ParetoArchive, chebyshev, crowding_distance, distance_to_ideal, epsilon_front, hypervolume,
        hypervolume_contributions, knee, nondominated_sort, pareto_front,
    };
    #[pymodule_export]
    use generation::Extractive;
    #[pymodule_export]
    use hits::Found;
    #[pymodule_export]
    use lexical::{LexicalIndex, terms};
    #[pymodule_export]
    use measures::{Reward, alpha_ndcg, groundedness, intra_list_distance, readability};
    #[pymodule_export]
    use metadata::filter_match;
    #[pymodule_export]
    use metrics::MetricsFiles;
    #[pymodule_export]
    use optimize::optimize;
    #[pymodule_export]
    use prompting::{Prompts, pack, sanitize};
    #[pymodule_export]
    use ranking::{fuse, mmr};
    #[pymodule_export]
    use routing::{Router, Why, aiq, apgr, cpt, pgr, routing_curve};
    #[pymodule_export]
    use shards::{ShardRequest, ShardResponse, ShardStatistics, shard_of};
    #[pymodule_export]
    use sharing::{compare, export, import_json};
    #[pymodule_export]
    use steering::{Steering, SteeringVector, filter_feedback};
    #[pymodule_export]
    use tables::option_tables;
    #[pymodule_export]
    use taste::rating_of_dwell;
    #[pymodule_export]
    use tuned::Tuned;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
