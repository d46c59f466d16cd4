//! The shortest useful program: three documents, one dial, one question.

use rag_core::collection::{Batch, Collection, Examples, Query};
use rag_core::steering::LearnOptions;

fn main() -> rag_core::Result<()> {
    let col = Collection::in_memory(None, None)?;
    col.add(Batch::new(["tides", "yeast", "rust"]).texts([
        "The moon pulls the sea and makes the tides.",
        "Yeast eats sugar and makes the dough rise.",
        "Iron and water make rust.",
    ]))?;
    let kitchen = Examples::Texts(&["kitchen recipe with dough", "kitchen recipe with eggs"]);
    let elsewhere = Examples::Texts(&["harbour report on ships", "harbour report on steel"]);
    col.steering()
        .learn("kitchen", kitchen, elsewhere, &LearnOptions::default())?;
    let query = Query::text("what makes things rise?")
        .k(2)
        .steer("kitchen", 1.0);
    for hit in col.search(&query)? {
        println!(
            "{:.4} {} {}",
            hit.score,
            hit.id,
            hit.text.unwrap_or_default()
        );
    }
    Ok(())
}
