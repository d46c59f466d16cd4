"""The tables and the picture of `dense_peers.py`."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from dense_engines import SHARES

OURS = ("ours", "ours_f32")
TARGETS = (0.95, 0.99)
Curve = list[tuple[float, float]]


def at(curve: Curve, recall: float) -> float | None:
    """Queries a second at a recall: of the settings that no other passes in both, their logarithm
    linear between neighbours. None where the recall is not reached."""
    best: Curve = []
    for point in sorted(curve, reverse=True):
        if not best or point[1] > best[-1][1]:
            best.append(point)
    best.reverse()
    if not best or best[-1][0] < recall:
        return None
    if best[0][0] >= recall:
        return best[0][1]
    for (low, slow), (high, fast) in pairwise(best):
        if low <= recall <= high:
            part = (recall - low) / (high - low)
            return math.exp((1 - part) * math.log(slow) + part * math.log(fast))
    return None


class Curves:
    """Recall and speed of each engine, in each round."""

    def __init__(self, records: list[dict[str, Any]], batch: bool) -> None:
        timed = [r for r in records if r["do"] == "time" and r["batch"] == batch]
        # Recall is that of all queries.
        self.recall = {(r["engine"], r["effort"]): r["recall"] for r in timed if r["round"] == 0}
        self.rounds = sorted({r["round"] for r in timed})
        self.speed: dict[tuple[str, str, int], dict[int, float]] = {}
        for r in timed:
            for clock in ("wall", "cpu"):
                own = self.speed.setdefault((r["engine"], clock, r["round"]), {})
                own[r["effort"]] = r["queries"] / max(r[clock], 1e-9)
        self.names = list(dict.fromkeys(r["engine"] for r in timed))

    def points(self, name: str, clock: str, number: int) -> Curve:
        speeds = self.speed.get((name, clock, number), {})
        known = sorted(effort for effort in speeds if (name, effort) in self.recall)
        return [(self.recall[name, effort], speeds[effort]) for effort in known]

    def middle(self, name: str, clock: str) -> dict[int, float]:
        """The median over rounds at each effort."""
        efforts = sorted(effort for engine, effort in self.recall if engine == name)
        found = {}
        for effort in efforts:
            every = [self.speed.get((name, clock, n), {}).get(effort) for n in self.rounds]
            if own := [speed for speed in every if speed is not None]:
                found[effort] = median(own)
        return found

    def per_round(self, name: str, clock: str, recall: float) -> list[float | None]:
        return [at(self.points(name, clock, number), recall) for number in self.rounds]

    def reached(self, name: str, clock: str, recall: float) -> float | None:
        found = [speed for speed in self.per_round(name, clock, recall) if speed is not None]
        return median(found) if found else None

    def highest(self, name: str) -> float:
        return max((r for (engine, _), r in self.recall.items() if engine == name), default=0.0)


def table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def whole_number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def speeds(curves: Curves, title: str) -> str:
    head = [title]
    for recall in TARGETS:
        head += [f"{recall:.2f} wall", "CPU", "of ours"]
    head.append("most recall")
    rows = []

    def key(name: str) -> float:
        return -(curves.reached(name, "cpu", TARGETS[0]) or 0)

    for name in sorted(curves.names, key=key):
        row = [name]
        for recall in TARGETS:
            wall, cpu = (curves.reached(name, clock, recall) for clock in ("wall", "cpu"))
            ours, own = (curves.per_round(n, "cpu", recall) for n in (OURS[0], name))
            part = [b / a for a, b in zip(ours, own, strict=True) if a and b]
            row += [whole_number(wall), whole_number(cpu), f"{median(part):.2f}" if part else "-"]
        rows.append([*row, f"{curves.highest(name):.4f}"])
    return table(head, rows) + "\n" + "\n".join(verdicts(curves))


def verdicts(curves: Curves) -> list[str]:
    """Ours over the best peer, round by round."""
    lines = []
    peers = [name for name in curves.names if name not in OURS]
    for recall in TARGETS:
        rates = {name: curves.reached(name, "cpu", recall) or 0 for name in peers}
        best = max(peers, key=lambda name: rates[name], default=None)
        if best is None or not rates[best]:
            continue
        for name in OURS:
            pairs = zip(*(curves.per_round(n, "cpu", recall) for n in (name, best)), strict=True)
            ratio = [a / b for a, b in pairs if a and b]
            if ratio:
                spread = f"{median(ratio):.2f} ({min(ratio):.2f}-{max(ratio):.2f})"
                lines.append(f"{name} over {best}, the fastest peer at {recall}: {spread}")
            elif name in curves.names:
                lines.append(f"{name} does not reach {recall}, {best} does")
    return lines


def efforts(curves: Curves) -> str:
    lines = []
    for name in curves.names:
        speed = curves.middle(name, "cpu")
        points = (f"{e}: {curves.recall[name, e]:.4f} {speed[e]:,.0f}" for e in speed)
        lines.append(f"{name}: " + "; ".join(points))
    return "\n".join(lines)


def building(facts: dict[str, dict[str, Any]]) -> str:
    head = ["index", "CPU s, 1 thread", "CPU s, 2", "wall s, 2", "bytes/row", "adds/CPU s"]
    head += ["settled", "recall then", "fresh", "half gone", "5 fifths", "changes/CPU s"]
    rows = []
    for name, own in facts.items():
        one, two, added = (own.get(part) or {} for part in ("build_1", "build_2", "adds"))
        changed = own.get("changes") or {}

        def a_row(built: dict, clock: str) -> str:
            return f"{built[clock] / built['rows'] * 1e4:.2f}" if built else "-"

        row = [name, a_row(one, "cpu"), a_row(two, "cpu"), a_row(two, "wall")]
        row.append(whole_number(own.get("bytes")))
        if added:
            settled = added["rows"] / (added["cpu"] + added["settled"])
            row += [whole_number(added["rows"] / added["cpu"]), whole_number(settled)]
            row.append(f"{added['recall']:.4f}")
        else:
            row += ["-"] * 3
        row += [f"{recall:.4f}" for recall in changed.get("recalls", [])] or ["-"] * 3
        row.append(whole_number(changed["rows"] / changed["cpu"] if changed else None))
        rows.append(row)
    return table(head, rows)


def filters(records: list[dict[str, Any]]) -> str:
    found: dict[tuple[str, int], dict[int, list[dict]]] = {}
    for r in records:
        if r["do"] == "filter":
            own = found.setdefault((r["engine"], r["effort"]), {})
            own.setdefault(r["share"], []).append(r)
    head = ["filter, recall and queries/CPU s", *(f"keeps {percent}%" for percent in SHARES)]
    rows = []
    for (name, effort), shares in sorted(found.items()):
        row = [f"{name}, effort {effort or 'default'}"]
        for share in SHARES.values():
            of = shares.get(share, [])
            speed = median(r["queries"] / r["cpu"] for r in of) if of else None
            row.append(f"{of[0]['recall']:.3f} {speed:,.0f}" if speed else "-")
        rows.append(row)
    return table(head, rows)


def scans(records: list[dict[str, Any]]) -> str:
    found: dict[str, dict[bool, list[dict]]] = {}
    for r in records:
        if r["do"] == "exact":
            found.setdefault(r["engine"], {}).setdefault(r["batch"], []).append(r)
    rows = []
    for name, ways in sorted(found.items()):
        row = [name]
        for batch in (False, True):
            of = ways.get(batch, [])
            for clock in ("wall", "cpu"):
                rate = median(r["queries"] / r[clock] for r in of) if of else None
                row.append(whole_number(rate))
        every = [r["recall"] for of in ways.values() for r in of]
        rows.append([*row, f"{min(every):.4f}"])
    head = ["exact scan, queries/s", "wall", "CPU", "batch, wall", "CPU", "recall"]
    return table(head, rows)


def whole(result: dict[str, Any], problems: list[str]) -> str:
    records = result["records"]
    parts = [f"{result['rows']:,} rows of {result['dim']} floats, recall of the ten nearest"]
    for batch, title in ((False, "queries/s, one a call"), (True, "queries/s, all in a call")):
        curves = Curves(records, batch)
        if curves.names:
            parts.append(speeds(curves, title))
    curves = Curves(records, batch=False)
    if curves.names:
        parts.append("effort: recall, queries/CPU s, one a call\n" + efforts(curves))
    parts.append("builds: seconds for 10,000 rows\n" + building(result["facts"]))
    parts += [filters(records), scans(records)]
    if problems:
        parts.append("problems:\n" + "\n".join(sorted(set(problems))))
    return "\n" + "\n\n".join(parts)


def plot(result: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(result["facts"])
    families = list(dict.fromkeys(name.partition("_")[0] for name in names))
    figure, panels = plt.subplots(1, 2, figsize=(15, 7), sharey=True)
    for panel, batch in zip(panels, (False, True), strict=True):
        curves = Curves(result["records"], batch)
        for number, name in enumerate(names):
            if name not in curves.names:
                continue
            speed = curves.middle(name, "cpu")
            points = sorted((curves.recall[name, e], speed[e]) for e in speed)
            points = [point for point in points if point[0] >= 0.85]
            if not points:
                continue
            own = name in OURS
            # A family of engines shares its colour; its members differ by the mark.
            family = families.index(name.partition("_")[0])
            color = "black" if own else plt.cm.tab10(family % 10)
            member = sum(n.partition("_")[0] == families[family] for n in names[:number])
            style = {"linewidth": 3 if own else 1.3, "markersize": 7 if own else 5}
            style |= {"marker": "os^D"[member % 4], "linestyle": ["-", "--", ":"][member % 3]}
            panel.plot(*zip(*points, strict=True), color=color, label=name, **style)
        panel.set_yscale("log")
        panel.set_xlim(0.85, 1.001)
        panel.set_xlabel("recall of the ten nearest")
        panel.set_title("all queries in one call" if batch else "one query a call")
        panel.grid(visible=True, which="both", alpha=0.25)
    panels[0].set_ylabel("queries per second of processor time, one thread")
    panels[1].legend(fontsize=9, loc="lower left")
    figure.suptitle(f"{result['rows']:,} vectors of {result['dim']} numbers")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
