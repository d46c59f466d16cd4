"""Tables of a run, from its records: medians over rounds, ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from engines import BY_NAME


class Record(NamedTuple):
    """One engine's turn at one workload in one round."""

    round: int
    item: str
    threads: int
    engine: str
    texts: int
    tokens: int
    flops: float
    cpu: float
    wall: float
    each: list[tuple[float, float]]


class Quality(NamedTuple):
    """How far an engine's vectors are from f32's."""

    cosine_mean: float
    cosine_min: float
    overlap: float


class Measured(NamedTuple):
    """All that a run measured."""

    records: list[Record]
    peaks: dict[int, dict[str, float]]
    quality: dict[str, Quality]
    cold: dict[str, list[tuple[float, float]]]
    memory: dict[str, dict[str, float]]
    budgets: dict[str, int]
    reasons: dict[str, str]
    amx: bool

    def of(self, item: str, threads: int, engine: str) -> list[Record]:
        return [r for r in self.records if (r.item, r.threads, r.engine) == (item, threads, engine)]

    def engines(self, item: str, threads: int) -> list[str]:
        there = {r.engine for r in self.records if (r.item, r.threads) == (item, threads)}
        return [name for name in BY_NAME if name in there]

    def peak(self, round_: int, precision: str) -> float:
        """Operations a second that one thread could do in this precision, in that round."""
        of = {"f32": ("f32",), "bf16": ("bf16", "f32"), "int8": ("int8",)}.get(precision)
        if of is None:
            return float("nan")
        figures = self.peaks.get(round_, {})
        usable = [
            value
            for name, value in figures.items()
            if name.startswith(of) and (self.amx or "amx" not in name)
        ]
        return max(usable, default=float("nan")) * 1e9


Rate = Callable[[Record], float]


def cpu_rate(r: Record) -> float:
    return r.tokens / r.cpu


def wall_rate(r: Record) -> float:
    return r.tokens / r.wall


def cpu_speed(r: Record) -> float:
    """One over the median processor time of a query."""
    return 1 / float(np.median([cpu for _, cpu in r.each]))


def wall_speed(r: Record) -> float:
    return 1 / float(np.median([wall for wall, _ in r.each]))


def median(values: Iterable[float]) -> float:
    kept = list(values)
    return float(np.median(kept)) if kept else float("nan")


def ours_of(run: Measured, item: str, threads: int, engine: str) -> str | None:
    """The row of ours that an engine is compared with: the same precision, else the best."""
    there = [n for n in run.engines(item, threads) if n.startswith("ours")]
    same = "ours_" + BY_NAME[engine].precision
    return same if same in there else (there[-1] if there else None)


def ratios(
    run: Measured, item: str, threads: int, engine: str, other: str, rate: Rate
) -> list[float]:
    """`engine` over `other`, round by round."""
    base = {r.round: rate(r) for r in run.of(item, threads, other)}
    mine = {r.round: rate(r) for r in run.of(item, threads, engine)}
    return [mine[i] / base[i] for i in mine if base.get(i)]


def spread(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def table(title: str, head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join(["", f"## {title}", "", line(head), rule, *map(line, rows)])


def throughput(run: Measured, item: str, threads: int, title: str, unit: str) -> str:
    """Rates of a workload; `unit` is "tokens" or "texts"."""
    head = ["engine", f"{unit}/s cpu", f"{unit}/s wall", "of ours, cpu", "of ours, wall"]
    head += ["of the peak", "batch budget"]
    rows = []
    for engine in run.engines(item, threads):
        own = run.of(item, threads, engine)
        count = [r.tokens if unit == "tokens" else r.texts for r in own]
        other = ours_of(run, item, threads, engine)
        share = median(r.flops / r.cpu / run.peak(r.round, BY_NAME[engine].precision) for r in own)
        budget = run.budgets.get(f"{engine}/{threads}")
        compared = [
            spread(ratios(run, item, threads, engine, other, rate)) if other else "-"
            for rate in (cpu_rate, wall_rate)
        ]
        rows.append(
            [
                engine,
                f"{median(n / r.cpu for n, r in zip(count, own, strict=True)):,.0f}",
                f"{median(n / r.wall for n, r in zip(count, own, strict=True)):,.0f}",
                *compared,
                f"{share:.0%}" if share == share else "-",
                str(budget) if budget and item != "naive" else "-",
            ]
        )
    return table(title, head, rows)


def percentiles(records: list[Record]) -> tuple[float, float, float, float]:
    """p50 and p99 by processor time, then by the wall, in milliseconds, all rounds together."""
    pooled = np.array([pair for r in records for pair in r.each]) * 1e3
    wall, cpu = pooled[:, 0], pooled[:, 1]
    return (
        *(float(np.percentile(cpu, p)) for p in (50, 99)),
        *(float(np.percentile(wall, p)) for p in (50, 99)),
    )  # type: ignore[return-value]


def queries(run: Measured, threads: int) -> str:
    head = ["engine", "p50 / p99 cpu ms", "p50 / p99 wall ms", "speed of ours, cpu", "wall"]
    rows = []
    for engine in run.engines("query", threads):
        p = percentiles(run.of("query", threads, engine))
        other = ours_of(run, "query", threads, engine)
        compared = [
            spread(ratios(run, "query", threads, engine, other, rate)) if other else "-"
            for rate in (cpu_speed, wall_speed)
        ]
        rows.append([engine, f"{p[0]:.2f} / {p[1]:.2f}", f"{p[2]:.2f} / {p[3]:.2f}", *compared])
    return table(f"One query, {threads} thread(s)", head, rows)


def scaling(run: Measured) -> str:
    head = ["engine", "two threads / one, wall", "as processor time allows"]
    rows = []
    for engine in run.engines("passages", 2):
        one = {r.round: r for r in run.of("passages", 1, engine)}
        both = [(one[r.round], r) for r in run.of("passages", 2, engine) if r.round in one]
        wall = [wall_rate(b) / wall_rate(a) for a, b in both]
        cpu = [2 * cpu_rate(b) / cpu_rate(a) for a, b in both]
        rows.append([engine, spread(wall), spread(cpu)])
    return table("Scaling, passages", head, rows)


def others(run: Measured) -> str:
    """Quality, cold start and memory."""
    head = ["engine", "cosine mean / min", "top-10 overlap", "first vector, s wall (best / median)"]
    head += ["s cpu", "MB loaded (now / peak)", "MB under load (peak)"]
    rows = []
    for engine in [*BY_NAME, *(set(run.cold) - set(BY_NAME))]:
        if engine not in run.memory and engine not in run.cold:
            continue
        q = run.quality.get(engine)
        cold = run.cold.get(engine, [])
        m = run.memory.get(engine, {})
        rows.append(
            [
                engine,
                f"{q.cosine_mean:.6f} / {q.cosine_min:.6f}" if q else "-",
                f"{q.overlap:.4f}" if q else "-",
                f"{min(w for w, _ in cold):.3f} / {median(w for w, _ in cold):.3f}"
                if cold
                else "-",
                f"{median(c for _, c in cold):.3f}" if cold else "-",
                f"{m['now']:.0f} / {m['peak']:.0f}" if "now" in m else "-",
                f"{m['load']:.0f}" if "load" in m else "-",
            ]
        )
    return table("Neighbours, start and memory (one thread)", head, rows)


def _best(run: Measured, item: str, threads: int, precision: str | None, rate: Rate) -> str | None:
    peers = [
        name
        for name in run.engines(item, threads)
        if not name.startswith("ours") and precision in (None, BY_NAME[name].precision)
    ]
    if not peers:
        return None
    return max(peers, key=lambda name: median(rate(r) for r in run.of(item, threads, name)))


def summary(run: Measured) -> str:
    """Ours against the best peer of each measure, in processor time."""
    head = ["measure", "best peer", "its figure", "ours", "ours / peer", "quality of ours", "peak"]
    rows = []
    for precision in ("int8", "bf16", "f32"):
        ours = f"ours_{precision}"
        for item, title, rate in (
            ("passages", "tokens/s", cpu_rate),
            ("query", "queries/s", cpu_speed),
            ("short", "short texts, tokens/s", cpu_rate),
            ("naive", "naive call, tokens/s", cpu_rate),
        ):
            best = _best(run, item, 1, None if item == "naive" else precision, rate)
            own = run.of(item, 1, ours)
            if best is None or not own:
                continue
            theirs = median(rate(r) for r in run.of(item, 1, best))
            q = run.quality.get(ours)
            share = median(r.flops / r.cpu / run.peak(r.round, precision) for r in own)
            rows.append(
                [
                    f"{precision} {title}",
                    best,
                    f"{theirs:,.0f}",
                    f"{median(rate(r) for r in own):,.0f}",
                    spread(ratios(run, item, 1, ours, best, rate)),
                    f"cos {q.cosine_mean:.6f}, overlap {q.overlap:.4f}" if q else "-",
                    f"{share:.0%}",
                ]
            )
    return table("Ours against the best peer, one thread, processor time", head, rows)


def whole(run: Measured) -> str:
    """Every table of the run."""
    parts = []
    for threads in (1, 2):
        if run.engines("passages", threads):
            title = f"Passages, {threads} thread(s)"
            parts.append(throughput(run, "passages", threads, title, "tokens"))
    for threads in (1, 2):
        if run.engines("query", threads):
            parts.append(queries(run, threads))
    titles = {
        "naive": "Naive call: one list for ours, batches of 32 unsorted for peers",
        "short": "Short texts (at most 32 tokens)",
        "static": "Static model, short texts",
    }
    for item, title in titles.items():
        for threads in (1, 2):
            if run.engines(item, threads):
                named = f"{title}, {threads} thread(s)"
                parts.append(throughput(run, item, threads, named, "texts"))
    if run.engines("passages", 2):
        parts.append(scaling(run))
    parts += [others(run), summary(run)]
    if run.peaks:
        figures = next(iter(run.peaks.values()))
        medians = {n: median(p[n] for p in run.peaks.values() if n in p) for n in figures}
        shown = ", ".join(f"{name} {value:,.0f}" for name, value in medians.items())
        parts.append(f"\nPeaks of one thread, 10^9 operations a second, medians: {shown}.")
    if run.reasons:
        parts.append("\nLeft out:\n" + "\n".join(f"- {n}: {r}" for n, r in run.reasons.items()))
    return "\n".join(parts)
