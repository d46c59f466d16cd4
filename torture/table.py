"""What the ordeals found, and the table of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

COLUMNS = {
    "unopened": "did not open",
    "lost": "lost",
    "torn": "torn",
    "silent": "silent",
    "crashes": "crashes",
    "hangs": "hangs",
    "other": "other",
}
#: Problems that are told one by one; the rest is only counted.
TOLD = 12


@dataclass
class Score:
    """One row: an ordeal and a subject."""

    ordeal: str
    subject: str
    cycles: int = 0
    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    problems: list[str] = field(default_factory=list)
    #: Figures and classes that are worth a line, but no violation.
    notes: list[str] = field(default_factory=list)
    skipped: str | None = None
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def problem(self, column: str, text: str) -> None:
        self.found[column] += 1
        if len(self.problems) < TOLD:
            self.problems.append(f"{COLUMNS[column]}: {text}")

    def done(self) -> Score:
        self.seconds = time.monotonic() - self.began
        return self

    @property
    def violations(self) -> int:
        return sum(self.found.values())


@dataclass
class Plan:
    """How much of an ordeal is to be done, and where."""

    folder: Path
    #: A folder in memory for what needs no disk, if there is one.
    fast: Path
    seed: int = 1
    quick: bool = False
    #: Given by hand: how many cycles, and the first of them.
    cycles: int | None = None
    first: int = 0
    documents: int = 10_000
    limit_s: float = 7200.0

    def each(self, score: Score, full: int, quick: int) -> Iterator[int]:
        """The numbers of the cycles. Not to come to the end in time is a hang."""
        count = self.count(full, quick)
        until = time.monotonic() + self.limit_s
        for number in range(self.first, self.first + count):
            if time.monotonic() > until:
                score.problem("hangs", f"{score.cycles} of {count} after {self.limit_s:.0f} s")
                return
            yield number
            score.cycles += 1

    def count(self, full: int, quick: int) -> int:
        return self.cycles or (quick if self.quick else full)


def together(files: Iterable[Path]) -> list[Score]:
    """What earlier runs found, those of one ordeal and store as one."""
    scores: dict[tuple[str, str], Score] = {}
    for row in (row for file in files for row in json.loads(file.read_text())):
        del row["violations"]
        score = Score(**row)
        known = scores.setdefault((score.ordeal, score.subject), score)
        if known is score:
            continue
        known.cycles += score.cycles
        known.seconds += score.seconds
        for column, count in score.found.items():
            known.found[column] += count
        known.problems += score.problems
        known.notes += score.notes
    return list(scores.values())


def table(scores: list[Score]) -> str:
    """Rows of markdown."""
    head = ["ordeal", "store", "cycles", *COLUMNS.values(), "seconds"]
    rows = [head, ["---"] * 2 + ["---:"] * (len(head) - 2)]
    for score in scores:
        if score.skipped:
            rest = [score.skipped, *[""] * (len(COLUMNS) + 1)]
        else:
            found = [str(n) for n in score.found.values()]
            rest = [f"{score.cycles:,}", *found, f"{score.seconds:.0f}"]
        rows.append([score.ordeal, score.subject, *rest])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def remarks(score: Score) -> list[str]:
    """Its figures and its problems, a line each."""
    hidden = score.violations - len(score.problems)
    more = [f"and {hidden:,} more"] if hidden else []
    return score.notes + score.problems + more


def markdown(scores: list[Score]) -> str:
    """The table and the remarks on each of its rows."""
    lines = [table(scores)]
    for score in scores:
        told = remarks(score)
        if told:
            lines.append(f"- {score.ordeal}, {score.subject}:")
            lines += [f"  - {line}" for line in told]
    return "\n".join(lines) + "\n"
