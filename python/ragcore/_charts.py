"""Charts drawn with what is there: Matplotlib, else Plotly, else plain SVG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from math import floor, log10
from pathlib import Path
from typing import Any

from .errors import InvalidArgument

#: Told apart by those who see few colours too (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8F8F00")
BACKENDS = ("auto", "matplotlib", "plotly", "svg")
WIDTH, HEIGHT = 640, 400


@dataclass(frozen=True)
class Line:
    """Points that belong together, as a line (``joined``), as points (``dots``) or both; ``band``
    holds what lies below and above each.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    joined: bool = True
    dots: bool = True
    band: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class Lines:
    """Lines over one pair of axes; ``mark`` is where a vertical line stands, with its name."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    mark: tuple[float, str] | None = None


@dataclass(frozen=True)
class Grid:
    """Numbers of rows against columns, coloured by their size."""

    title: str
    x_label: str
    y_label: str
    names: Sequence[str]
    values: Sequence[Sequence[float]]


class Svg:
    """A chart as SVG: notebooks show it, :meth:`save` writes it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        #: The document.
        self.text = text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the chart to a file."""
        Path(path).write_text(self.text, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Svg({len(self.text)} characters)"


def draw(chart: Lines | Grid, backend: str) -> Any:
    """The chart by a backend; ``"auto"`` takes the first that is installed."""
    if backend not in BACKENDS:
        raise InvalidArgument(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    if backend == "auto":
        backend = next((name for name in BACKENDS[1:3] if find_spec(name)), "svg")
    if backend != "svg" and not find_spec(backend):
        raise InvalidArgument(f"{backend} is not installed; install it, or use backend='svg'")
    return {"matplotlib": _matplotlib, "plotly": _plotly, "svg": _svg}[backend](chart)


def _matplotlib(chart: Lines | Grid) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(WIDTH / 100, HEIGHT / 100), layout="constrained")
    if isinstance(chart, Lines):
        for line, colour in zip(chart.lines, _colours(len(chart.lines)), strict=True):
            marker, size = "o" if line.dots else "none", 3 if line.joined else 6
            axes.plot(
                line.x, line.y, label=line.name, color=colour, marker=marker, markersize=size,
                linestyle="-" if line.joined else "none",
            )  # fmt: skip
            if line.band is not None:
                axes.fill_between(line.x, *line.band, color=colour, alpha=0.15, linewidth=0)
        if chart.mark is not None:
            axes.axvline(chart.mark[0], color="#888888", linestyle="--", linewidth=1)
            axes.annotate(
                chart.mark[1], (chart.mark[0], 0.02), xycoords=("data", "axes fraction"),
                xytext=(4, 0), textcoords="offset points", color="#666666", fontsize=8,
            )  # fmt: skip
        axes.grid(alpha=0.3)
        if chart.lines:
            axes.legend(fontsize=8)
    else:
        most = _most(chart)
        image = axes.imshow(chart.values, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_xticks(range(len(chart.names)), chart.names, rotation=45, ha="right")
        axes.set_yticks(range(len(chart.names)), chart.names)
        for i, row in enumerate(chart.values):
            for j, value in enumerate(row):
                colour = "white" if abs(value) > 0.6 * most else "black"
                axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
        figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
    # Notebooks show what is returned; an open figure would be shown once more.
    plt.close(figure)
    return figure


def _plotly(chart: Lines | Grid) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    if isinstance(chart, Lines):
        for line, colour in zip(chart.lines, _colours(len(chart.lines)), strict=True):
            figure.add_scatter(
                x=list(line.x), y=list(line.y), name=line.name, line={"color": colour},
                mode="+".join(["lines"] * line.joined + ["markers"] * line.dots),
            )  # fmt: skip
            if line.band is not None:
                figure.add_scatter(
                    x=[*line.x, *reversed(line.x)], y=[*line.band[0], *reversed(line.band[1])],
                    fill="toself", fillcolor=colour, opacity=0.15, line={"width": 0},
                    mode="lines", showlegend=False, hoverinfo="skip",
                )  # fmt: skip
        if chart.mark is not None:
            figure.add_vline(x=chart.mark[0], line_dash="dash", annotation_text=chart.mark[1])
    else:
        most = _most(chart)
        values = [list(row) for row in chart.values]
        figure.add_heatmap(
            z=values, x=list(chart.names), y=list(chart.names), zmin=-most, zmax=most,
            colorscale="RdBu_r", texttemplate="%{z:.2f}",
        )  # fmt: skip
        figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        title=chart.title, xaxis_title=chart.x_label, yaxis_title=chart.y_label,
        width=WIDTH, height=HEIGHT,
    )  # fmt: skip
    return figure


def _svg(chart: Lines | Grid) -> Svg:
    body = _svg_lines(chart) if isinstance(chart, Lines) else _svg_grid(chart)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    )
    title = _text(WIDTH / 2, 22, chart.title, "middle", size=15)
    return Svg(f"{head}{title}{body}</svg>")


def _svg_lines(chart: Lines) -> str:
    left, right, top, bottom = 64.0, 150.0, 38.0, 52.0
    wide, high = WIDTH - left - right, HEIGHT - top - bottom
    marks = [chart.mark[0]] if chart.mark else []
    xs = _ticks([x for line in chart.lines for x in line.x] + marks)
    bands = [y for line in chart.lines if line.band for side in line.band for y in side]
    ys = _ticks([y for line in chart.lines for y in line.y] + bands)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - xs[0]) / (xs[-1] - xs[0])
        up = (y - ys[0]) / (ys[-1] - ys[0])
        return left + wide * across, top + high * (1 - up)

    parts = []
    for x in xs:
        at = place(x, ys[0])[0]
        parts.append(_stroke(at, top, at, top + high, "#dddddd"))
        parts.append(_text(at, top + high + 16, f"{x:g}", "middle"))
    for y in ys:
        at = place(xs[0], y)[1]
        parts.append(_stroke(left, at, left + wide, at, "#dddddd"))
        parts.append(_text(left - 6, at + 4, f"{y:g}", "end"))
    if chart.mark is not None:
        at = place(chart.mark[0], ys[0])[0]
        parts.append(_stroke(at, top, at, top + high, "#888888", dashed=True))
        parts.append(_text(at + 4, top + high - 6, chart.mark[1], "start", "#666666", 10))
    for i, (line, colour) in enumerate(zip(chart.lines, _colours(len(chart.lines)), strict=True)):
        if line.band is not None:
            below = [place(x, y) for x, y in zip(line.x, line.band[0], strict=True)]
            above = [place(x, y) for x, y in zip(line.x, line.band[1], strict=True)]
            edge = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*below, *reversed(above)])
            parts.append(f'<polygon points="{edge}" fill="{colour}" fill-opacity="0.15"/>')
        points = [place(x, y) for x, y in zip(line.x, line.y, strict=True)]
        at = top + 8 + 18 * i
        radius = 2.5 if line.joined else 4
        if line.joined:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            shape = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            parts.append(shape)
            parts.append(_stroke(left + wide + 12, at, left + wide + 32, at, colour, width=2))
        else:
            points = [*points, (left + wide + 22, at)]
        dots = points if line.dots else []
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>' for x, y in dots
        ]
        parts.append(_text(left + wide + 38, at + 4, _short(line.name, 16), "start"))
    return "".join(parts) + _labels(chart, left + wide / 2, top + high / 2)


def _svg_grid(chart: Grid) -> str:
    left, top, bottom = 150.0, 38.0, 96.0
    count = max(len(chart.names), 1)
    side = min((WIDTH - left - 40) / count, (HEIGHT - top - bottom) / count)
    most = _most(chart)
    parts = []
    for i, row in enumerate(chart.values):
        for j, value in enumerate(row):
            x, y = left + side * j, top + side * i
            colour = _shade(value / most)
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}" '
                f'fill="{colour}" stroke="white"/>'
            )
            if side >= 24:
                ink = "white" if abs(value) > 0.6 * most else "black"
                parts.append(
                    _text(x + side / 2, y + side / 2 + 4, f"{value:.2f}", "middle", ink, 10)
                )
    for i, name in enumerate(chart.names):
        at = (i + 0.5) * side
        parts.append(_text(left - 6, top + at + 4, _short(name, 14), "end"))
        x, y = left + at, top + side * count + 10
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" '
            f'transform="rotate(-40 {x:.1f} {y:.1f})">{escape(_short(name, 14))}</text>'
        )
    return "".join(parts) + _labels(chart, left + side * count / 2, top + side * count / 2)


def _labels(chart: Lines | Grid, across: float, down: float) -> str:
    below = _text(across, HEIGHT - 12, chart.x_label, "middle")
    beside = (
        f'<text x="16" y="{down:.1f}" text-anchor="middle" '
        f'transform="rotate(-90 16 {down:.1f})">{escape(chart.y_label)}</text>'
    )
    return below + beside


def _text(
    x: float, y: float, text: str, anchor: str, colour: str = "#222222", size: int = 12
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-size="{size}">{escape(text)}</text>'
    )


def _stroke(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dashed: bool = False
) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers, at least two, that hold all values between the first and the last."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-12):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    first, last = floor(low / step), -floor(-high / step)
    return [round(step * i, 12) for i in range(first, last + 1)]


def _most(chart: Grid) -> float:
    return max((abs(v) for row in chart.values for v in row), default=1.0) or 1.0


def _shade(share: float) -> str:
    """From blue (-1) over white to red (1)."""
    end = (178, 24, 43) if share > 0 else (33, 102, 172)
    part = min(abs(share), 1.0)
    red, green, blue = (round(255 + (tone - 255) * part) for tone in end)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _colours(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]
