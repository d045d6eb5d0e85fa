"""The figures as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable
from typing import Any

Samples = dict[str, dict[str, list[float]]]
"""Figure -> contestant -> samples."""


def machine() -> str:
    """The machine in one line."""
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def _ratios(medians: dict[str, float]) -> Iterable[tuple[str, float]]:
    for name, value in medians.items():
        rival = name.replace("embedded", "skrouterd")
        if rival != name and medians.get(rival):
            yield f"{name} / {rival}", value / medians[rival]


def summary(samples: Samples) -> dict[str, Any]:
    """Medians, and ratios of the embedded router to ``skrouterd`` with the same TLS, by figure."""
    result: dict[str, Any] = {}
    for figure, by_contestant in samples.items():
        medians = {name: statistics.median(values) for name, values in by_contestant.items()}
        result[figure] = {"medians": medians, "ratios": dict(_ratios(medians)), "samples": by_contestant}
    return {"machine": machine(), "figures": result}


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def table(samples: Samples, contestants: list[str]) -> str:
    """A line a figure, a column a contestant, ratios to the reference last."""
    figures = summary(samples)["figures"]
    ratio_names = list(dict.fromkeys(ratio for figure in figures.values() for ratio in figure["ratios"]))
    short = [name.replace("embedded", "emb.").replace("skrouterd", "skr.") for name in ratio_names]
    rows = [["median of the rounds", *contestants, *short]]
    for figure, values in figures.items():
        medians = [_number(values["medians"].get(name)) for name in contestants]
        ratios = [
            f"{values['ratios'][name]:.2f}" if name in values["ratios"] else "-" for name in ratio_names
        ]
        rows.append([figure, *medians, *ratios])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    return "\n".join(lines)
