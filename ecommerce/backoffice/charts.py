"""Charts, as chart.js wants them, each with the table that says the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRIMARY = "var(--color-primary-600)"
PALE = "var(--color-base-400)"
SERIES = (*(PRIMARY, "#0d9488", "#d97706", "#be185d", "#4d7c0f", "#0369a1", "#a16207", "#6b7280"),)
"""Colours of lines or bars that are drawn together."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn, and the same as a table: a row of texts for each label."""

    data: str
    options: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


def line_chart(
    labels: Sequence[str], lines: Mapping[str, Sequence[int]], *, label: str, pattern: str
) -> Chart:
    """Lines over the same labels; the table's numbers are told by `pattern`."""
    styles = [{"borderColor": color, "backgroundColor": color} for color in (PRIMARY, PALE)]
    return _chart(labels, list(lines.items()), styles, LINE_OPTIONS, label, pattern)


def stacked_chart(
    labels: Sequence[str], bars: Sequence[tuple[str, Sequence[int]]], *, label: str, pattern: str
) -> Chart:
    """Bars on top of each other over the same labels."""
    styles = [{"backgroundColor": color} for color in SERIES]
    return _chart(labels, bars, styles, STACKED_OPTIONS, label, pattern)


def bar_chart(labels: Sequence[str], name: str, values: Sequence[int]) -> str:
    """Bars side by side, of what is listed beside them: they need no table."""
    bars = {"label": name, "data": list(values), "backgroundColor": PRIMARY}
    return json.dumps({"labels": list(labels), "datasets": [bars]})


def _chart(
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[int]]],
    styles: Sequence[dict[str, str]],
    options: str,
    label: str,
    pattern: str,
) -> Chart:
    datasets = [
        {"label": name, "data": list(values), **style}
        for (name, values), style in zip(series, styles, strict=False)
    ]
    return Chart(
        data=json.dumps({"labels": list(labels), "datasets": datasets}),
        options=options,
        headers=[label, *(name for name, _values in series)],
        rows=[
            [row_label, *(pattern.format(values[row]) for _name, values in series)]
            for row, row_label in enumerate(labels)
        ],
    )


_TICKS = {"color": "#737d8c", "precision": 0}
_COMMON = {"animation": False, "responsive": True, "maintainAspectRatio": False}
_LEGEND = {
    "position": "bottom",
    "labels": {"boxHeight": 6, "boxWidth": 6, "color": "#737d8c", "usePointStyle": True},
}
_SCALES = {
    "x": {"ticks": {**_TICKS, "maxTicksLimit": 7, "maxRotation": 0}, "grid": {"display": False}},
    "y": {
        "ticks": {**_TICKS, "maxTicksLimit": 5},
        "grid": {"tickWidth": 0},
        "beginAtZero": True,
    },
}
LINE_OPTIONS = json.dumps(
    {
        **_COMMON,
        "interaction": {"mode": "index", "intersect": False},
        "datasets": {
            "line": {"borderWidth": 2, "pointRadius": 0, "cubicInterpolationMode": "monotone"}
        },
        "plugins": {"legend": _LEGEND},
        "scales": _SCALES,
    }
)
STACKED_OPTIONS = json.dumps(
    {
        **_COMMON,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": _LEGEND},
        "scales": {axis: {**scale, "stacked": True} for axis, scale in _SCALES.items()},
    }
)
BAR_OPTIONS = json.dumps(
    {
        **_COMMON,
        "indexAxis": "y",
        "maxBarThickness": 12,
        "datasets": {"bar": {"borderRadius": 6}},
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {
                "ticks": {**_TICKS, "maxTicksLimit": 5},
                "grid": {"tickWidth": 0},
                "beginAtZero": True,
            },
            "y": {"ticks": {"color": "#737d8c", "autoSkip": False}, "grid": {"display": False}},
        },
    }
)
