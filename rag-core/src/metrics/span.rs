//! Spans of the pipeline's parts, for whoever subscribes to `tracing`; nothing without that feature.

/// Says that a part of the work is being done, until it is dropped.
#[must_use = "the part ends when this is dropped"]
#[derive(Debug)]
pub struct Span {
    #[cfg(feature = "tracing")]
    _entered: tracing::span::EnteredSpan,
    #[cfg(not(feature = "tracing"))]
    _nothing: (),
}

/// Begins a part: `embed`, `search`, `generate`. Its name is all that a subscriber is told.
///
/// ```
/// let part = rag_core::metrics::span("search");
/// // ... the work ...
/// drop(part);
/// ```
pub fn span(part: &'static str) -> Span {
    #[cfg(not(feature = "tracing"))]
    let _ = part;
    Span {
        #[cfg(feature = "tracing")]
        _entered: tracing::info_span!("ragcore", part).entered(),
        #[cfg(not(feature = "tracing"))]
        _nothing: (),
    }
}
