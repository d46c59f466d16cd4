"""Writes chunking.json: passages of texts whose sentences, words and blocks are marked by hand.

A text is given as its units; a slow greedy packer puts them together. Offsets count code points.
Run: python3 chunking.py
"""
import json
import os

COUNT = {"words": lambda t: len(t.split()), "characters": len}


def pack(text, spans, limit, overlap, counter):
    """Greedy: as many units as the sum of their counts allows, then back by whole units."""
    count = [counter(text[a:b]) for a, b in spans]
    chunks, first, done = [], 0, 0
    while done < len(spans):
        while first < done and sum(count[first:done + 1]) > limit:
            first += 1
        end = done + 1
        while end < len(spans) and sum(count[first:end + 1]) <= limit:
            end += 1
        chunks.append((spans[first][0], spans[end - 1][1]))
        done = end
        back = done
        while back - 1 > first and sum(count[back - 1:done]) <= overlap:
            back -= 1
        first = back
    return chunks


def locate(text, units):
    spans, at = [], 0
    for unit in units:
        start = text.index(unit, at)
        assert not text[at:start].strip(), (unit, text[at:start])
        at = start + len(unit)
        spans.append((start, at))
    assert not text[at:].strip()
    return spans


CASES = []


def case(name, text, units=None, want=None, counter="words", error=None, **options):
    out = {"name": name, "inputs": {"text": text, "counter": counter}, "options": options, "seed": 0}
    if error:
        out["error"] = error
    else:
        if want is None:
            chunks = pack(text, locate(text, units), options.get("max_tokens", 256),
                          options.get("overlap", 0), COUNT[counter])
        else:
            chunks = locate(text, want)
        out["want"] = {"starts": [a for a, _ in chunks], "ends": [b for _, b in chunks]}
    out["tolerance"] = 0.0
    CASES.append(out)


STORY = ["Dr. Smith lives at 3.5 Main St. in Bath.", "\"Why?!\" she asked.", "He left... But no. 5 stayed!",
         "The end."]
STORY[2:3] = ["He left...", "But no. 5 stayed!"]
text = " ".join(STORY)
for limit in (12, 13, 9, 256):
    case(f"sentences, {limit} words", text, STORY, max_tokens=limit)
case("sentences with overlap", text, STORY, max_tokens=14, overlap=6)
case("overlap smaller than a sentence", text, STORY, max_tokens=14, overlap=1)
case("sentences in characters", text, STORY, max_tokens=60, counter="characters")
case("default options", text, want=[text])
lines = ["A line that\r\nis wrapped.", "Next one.", "- item a", "- item b\n  goes on", "# Heading", "Text."]
case("lines, lists and a heading", "\r\n\r\n".join(lines), lines, max_tokens=5)
chinese = ["你好。", "「真的吗？」", "是的！", "再见"]
case("wide full stops", "".join(chinese), chinese, max_tokens=7, counter="characters")
emoji = ["Hi 👩‍👩‍👧 there.", "Ne\u0301e 🇩🇪!", "Bye."]
case("offsets behind emoji and marks", "  " + "  ".join(emoji) + "\n", emoji, max_tokens=3)
longer = "one two three four five six seven. Eight nine."
case("a sentence that is too long opens into words", longer, longer.split(), max_tokens=3)
case("a word that is too long opens into characters", "ab abcdefgh", want=["ab", "abcd", "efgh"],
     max_tokens=4, counter="characters")
case("a cluster that is too long opens too", "e\u0301\u0323", want=["e", "\u0301", "\u0323"], max_tokens=1,
     counter="characters")
case("clusters stay whole where they fit", "e\u0301e\u0301e\u0301e\u0301", want=["e\u0301e\u0301"] * 2, max_tokens=5,
     counter="characters")
case("empty text", "", want=[])
case("white space only", " \r\n\t\u3000\u2028 ", want=[])
words = [f"w{i}" for i in range(20)]
case("windows", " ".join(words), words, max_tokens=6, mode="tokens")
case("windows with overlap", " ".join(words), words, max_tokens=6, overlap=2, mode="tokens")
case("windows with most overlap", " ".join(words), words, max_tokens=6, overlap=5, mode="tokens")
case("windows do not see sentences", "One. Two three. Four.", "One. Two three. Four.".split(), max_tokens=2,
     mode="tokens")
case("windows of one", "a  b\n\nc", ["a", "b", "c"], max_tokens=1, mode="tokens")

DOC = """Intro words.

# One

First paragraph here. Second sentence here.

- item one
  continues
- item two

```python
# not a heading

    indented = True
```

## Two

### Deeper

| a | b |
|---|---|
| 1 | 2 |

Setext
------
Last words.
"""
case("markdown sections", DOC, mode="markdown", want=[
    "Intro words.", DOC[DOC.index("# One"):DOC.index("\n\n## Two")],
    DOC[DOC.index("## Two"):DOC.index("\n\nSetext")], DOC[DOC.index("Setext"):].strip()])
case("markdown blocks", DOC, mode="markdown", max_tokens=12, want=[
    "Intro words.", "# One\n\nFirst paragraph here. Second sentence here.",
    "- item one\n  continues\n- item two", DOC[DOC.index("```python"):DOC.index("\n\n## Two")],
    "## Two\n\n### Deeper\n\n| a | b |\n|---|---|", "| 1 | 2 |", DOC[DOC.index("Setext"):].strip()])
case("a heading takes the first sentence along", "# Head\n\nOne two three. Four five six.", mode="markdown",
     max_tokens=5, want=["# Head\n\nOne two three.", "Four five six."])
case("code opens into lines, indentation kept", "```\nif a b c:\n    d e f\n    g h\n```", mode="markdown",
     max_tokens=5, want=["```\nif a b c:", "    d e f\n    g h", "```"])
case("an open fence runs to the end", "~~~\n# a\n\n# b", mode="markdown", want=["~~~\n# a\n\n# b"])
case("a heading alone", "# Only", mode="markdown", want=["# Only"])
case("overlap stays inside a section", "# A\n\nx y. z.\n\n# B\n\nu.", mode="markdown", max_tokens=5,
     overlap=2, want=["# A\n\nx y. z.", "# B\n\nu."])

case("max_tokens of 0", "a", error="invalid_argument", max_tokens=0)
case("max_tokens not whole", "a", error="invalid_argument", max_tokens=2.5)
case("overlap as long as a chunk", "a", error="invalid_argument", max_tokens=5, overlap=5)
case("overlap above the default length", "a", error="invalid_argument", overlap=256)
case("semantic", "a", error="unsupported", mode="semantic")
case("unknown mode", "a", error="invalid_argument", mode="pages")
case("mode of a wrong type", "a", error="invalid_argument", mode=1)

if __name__ == "__main__":
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chunking.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"operation": "chunking",
                   "about": "Chunker::split: starts and ends in code points. The counter is \"words\" (runs "
                            "without white space) or \"characters\" (code points).",
                   "truth": "truth/chunking.py", "cases": CASES}, file, ensure_ascii=False, indent=1)
        file.write("\n")
