"""Tables on a wide terminal, a narrow one, and none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.cli.tables import table

HEADINGS = ("NAME", "STATUS", "SELECTOR", "HOST", "PORT", "MESSAGE")
SHORT = ("backend", "Ready", "", "127.0.0.1", 9090, "OK")
WORDY = (
    "db",
    "Pending",
    "",
    "::1",
    5432,
    "cannot connect to [::1]:5432: connection refused, as its server is down",
)
LONG = (
    "nobody",
    "Pending",
    "",
    "some-server-with-a-long-name.department.of.example.org",
    9099,
    "no such host",
)


def test_a_table_is_aligned_also_for_wide_letters() -> None:
    drawn = table(("NAME", "OK"), [("a", True), ("日本", False), ("x\033[2J", 5)])
    assert drawn.splitlines() == ["NAME      OK", "a         true", "日本      false", "x\\x1b[2J  5"]


def test_without_a_terminal_a_row_is_a_line_with_every_column() -> None:
    drawn = table(HEADINGS, [SHORT, WORDY, LONG]).splitlines()
    assert len(drawn) == 4
    assert drawn[0].split() == list(HEADINGS)
    words = ("STATUS", "Ready", "Pending", "Pending")
    assert len({line.index(word) for line, word in zip(drawn, words, strict=True)}) == 1


def test_where_it_fits_a_terminal_shows_the_same_as_a_pipe() -> None:
    assert table(HEADINGS, [SHORT], 80) == table(HEADINGS, [SHORT])


def test_a_message_without_room_stands_below_its_row_and_empty_columns_go() -> None:
    assert table(HEADINGS, [SHORT, WORDY], 60).splitlines() == [
        "NAME     STATUS   HOST       PORT  MESSAGE",
        "backend  Ready    127.0.0.1  9090  OK",
        "db       Pending  ::1        5432",
        "    cannot connect to [::1]:5432: connection refused, as its",
        "    server is down",
    ]


def test_a_row_that_is_too_wide_becomes_labels_and_leaves_the_others_their_columns() -> None:
    assert table(HEADINGS, [LONG, SHORT], 60).splitlines() == [
        "NAME     STATUS  HOST       PORT  MESSAGE",
        "nobody",
        "    STATUS: Pending",
        "    HOST:",
        "      some-server-with-a-long-name.department.of.example.org",
        "    PORT: 9099",
        "    MESSAGE: no such host",
        "backend  Ready   127.0.0.1  9090  OK",
    ]


def test_where_not_even_the_headings_fit_every_row_is_labels() -> None:
    drawn = table(HEADINGS, [SHORT, WORDY], 24)
    assert drawn.splitlines()[:5] == [
        "backend",
        "    STATUS: Ready",
        "    HOST: 127.0.0.1",
        "    PORT: 9090",
        "    MESSAGE: OK",
    ]


_CELLS = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=30)


@given(
    st.lists(st.tuples(_CELLS, _CELLS, _CELLS.map(" ".join)), min_size=1, max_size=8), st.integers(45, 120)
)
def test_every_value_is_there_and_every_line_fits(rows: list[tuple[str, str, str]], width: int) -> None:
    drawn = table(("NAME", "KEY", "MESSAGE"), rows, width)
    assert all(len(line) <= width for line in drawn.splitlines())
    shown = "".join(drawn.split())
    for row in rows:
        assert all("".join(cell.split()) in shown for cell in row)


@pytest.mark.parametrize("width", [20, 40, 80, None])
def test_a_table_without_rows_is_its_headings_or_less(width: int | None) -> None:
    assert table(("A", "B"), [], width) == "A  B"
