//! The embedding engine against candle's `BertModel`, and the feature `candle` of the core against
//! transformers and the engine; see `tests/`. A crate of its own, so that
//! nothing else compiles candle. `models.py` beside it makes the small models of the other families.
