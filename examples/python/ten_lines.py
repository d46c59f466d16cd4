"""The shortest useful program: three documents, one dial, one question."""

import ragcore as rag

col = rag.open()  # in memory; rag.open("folder") keeps it on disk
col.add(["tides", "yeast", "rust"], [
    "The moon pulls the sea and makes the tides.",
    "Yeast eats sugar and makes the dough rise.",
    "Iron and water make rust."])  # fmt: skip
col.steering.learn("kitchen", ["kitchen recipe with dough", "kitchen recipe with eggs"],
                   ["harbour report on ships", "harbour report on steel"])  # fmt: skip
for hit in col.search("what makes things rise?", k=2, steer={"kitchen": 1.0}):
    print(f"{hit.score:.4f}", hit.id, hit.text)
