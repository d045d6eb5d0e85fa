"""A small fixed slice of ``make soak``: each scenario for a few seconds, with a seed that does not change."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rig.routers import EMBEDDED, Program
from tests.soak.failures import kills, ring
from tests.soak.fuzz import fuzz
from tests.soak.outcome import Outcome
from tests.soak.traffic import bulk, churn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Scenario = Callable[[Program, Path, float, int], Outcome]

SEED = 20_250_801


def test_hostile_peers_neither_break_nor_disturb_a_router(tmp_path: Path) -> None:
    outcome = fuzz(EMBEDDED, tmp_path, 0, SEED, inputs=3_000)
    assert outcome.violations == []
    assert outcome.counts["hostile inputs"] == 3_000


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(churn, id="five hundred short connections a second"),
        pytest.param(kills, id="a router killed under load"),
        pytest.param(ring, id="a router of a ring killed"),
        pytest.param(functools.partial(bulk, megabytes=20), id="slow and fast bulk streams"),
    ],
)
def test_nothing_is_lost_and_nothing_hangs(scenario: Scenario, tmp_path: Path) -> None:
    outcome = scenario(EMBEDDED, tmp_path, 6.0, SEED)
    assert outcome.violations == []
