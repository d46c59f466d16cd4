//! The embedding engine against candle's `BertModel`; see `tests/`. A crate of its own, so that
//! nothing else compiles candle. `models.py` beside it makes the small models of the other families.
