//! The core's tables of options, for the check that the Python signatures say the same.

use pyo3::prelude::*;
use rag_core::options::OptionInfo;

/// (name, type, default, range, doc)
type Row = (
    &'static str,
    &'static str,
    String,
    Option<String>,
    &'static str,
);

/// Every table of options by the name of its struct.
#[pyfunction]
pub(crate) fn option_tables() -> Vec<(&'static str, Vec<Row>)> {
    vec![
        table("AlertOptions", rag_core::metrics::AlertOptions::table()),
        table(
            "AlphaNdcgOptions",
            rag_core::evaluation::AlphaNdcgOptions::table(),
        ),
        table("BanditOptions", rag_core::bandit::BanditOptions::table()),
        table("CacheOptions", rag_core::caching::CacheOptions::table()),
        table(
            "CalibrationOptions",
            rag_core::calibration::CalibrationOptions::table(),
        ),
        #[cfg(feature = "http")]
        table("ChatOptions", rag_core::generation::ChatOptions::table()),
        table("ArchiveOptions", rag_core::routing::ArchiveOptions::table()),
        table(
            "ChebyshevOptions",
            rag_core::routing::ChebyshevOptions::table(),
        ),
        table(
            "OptimizeOptions",
            rag_core::routing::OptimizeOptions::table(),
        ),
        table(
            "ChunkerOptions",
            rag_core::chunking::ChunkerOptions::table(),
        ),
        table(
            "CompareOptions",
            rag_core::evaluation::CompareOptions::table(),
        ),
        table(
            "ComparisonOptions",
            rag_core::comparison::ComparisonOptions::table(),
        ),
        table("ExportOptions", rag_core::export::ExportOptions::table()),
        table("DomainOptions", rag_core::domain::DomainOptions::table()),
        table(
            "EvaluateOptions",
            rag_core::evaluation::EvaluateOptions::table(),
        ),
        table(
            "ExperimentOptions",
            rag_core::experiment::ExperimentOptions::table(),
        ),
        table(
            "LexicalOptions",
            rag_core::retrieval::lexical::LexicalOptions::table(),
        ),
        table(
            "MeasureOptions",
            rag_core::experiment::MeasureOptions::table(),
        ),
        table(
            "MetricsFilesOptions",
            rag_core::metrics::MetricsFilesOptions::table(),
        ),
        table("OpenOptions", rag_core::collection::OpenOptions::table()),
        table("PackOptions", rag_core::answer::PackOptions::table()),
        table("PromptOptions", rag_core::prompting::PromptOptions::table()),
        table("RouteSettings", rag_core::routing::RouteSettings::table()),
        table("RouterOptions", rag_core::routing::RouterOptions::table()),
        table(
            "SearchOptions",
            rag_core::collection::SearchOptions::table(),
        ),
        table(
            "DenseOptions",
            rag_core::retrieval::dense::DenseOptions::table(),
        ),
        table(
            "DenseSearchOptions",
            rag_core::retrieval::dense::DenseSearchOptions::table(),
        ),
        table(
            "FuseOptions",
            rag_core::retrieval::fusion::FuseOptions::table(),
        ),
        table(
            "MmrOptions",
            rag_core::retrieval::diversity::MmrOptions::table(),
        ),
        table(
            "EmbedderOptions",
            rag_core::embedding::EmbedderOptions::table(),
        ),
        table("EncodeOptions", rag_core::embedding::EncodeOptions::table()),
        table("ApplyOptions", rag_core::steering::ApplyOptions::table()),
        table("LearnOptions", rag_core::steering::LearnOptions::table()),
        table("FilterOptions", rag_core::steering::FilterOptions::table()),
        table(
            "RetrainOptions",
            rag_core::steering::RetrainOptions::table(),
        ),
        table(
            "CalibrateOptions",
            rag_core::steering::CalibrateOptions::table(),
        ),
    ]
}

fn table(name: &'static str, rows: Vec<OptionInfo>) -> (&'static str, Vec<Row>) {
    let row = |o: OptionInfo| (o.name, o.kind, o.default, o.range, o.doc);
    (name, rows.into_iter().map(row).collect())
}
