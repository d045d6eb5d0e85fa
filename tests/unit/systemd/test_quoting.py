from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skupper_local.systemd.quoting import plain, quote, quote_argument, quote_path, unquote

ANY = st.text(st.characters(exclude_categories=["Cs"]))
ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
HOSTILE = '/a b/%h/$HOME/"x"/it\'s/\\n\\'


@given(ANY)
@example(HOSTILE)
@example("tab\tline\nbell\x07\x1b[31m\x7f")
def test_a_quoted_word_is_one_line_and_reads_as_what_it_was(text: str) -> None:
    assert not [letter for letter in quote(text) if letter in "\n\r\0"]
    assert unquote(quote(text)) == text
    assert unquote(quote(text) + ' "and more"') == text


@given(ONE_LINE)
@example(HOSTILE)
def test_an_argument_has_no_variables_left(text: str) -> None:
    quoted = quote_argument(text)
    assert quoted.count("$") == 2 * text.count("$")
    assert "$" not in quoted.replace("$$", "")
    assert unquote(quoted.replace("$$", "$")) == text


@given(ONE_LINE)
@example(HOSTILE)
def test_a_path_has_only_the_escapes_that_lists_of_paths_know(text: str) -> None:
    quoted = quote_path(text)
    assert unquote(quoted) == text
    assert set(re.findall(r"\\(.)", quoted)) <= {"\\", '"'}


@pytest.mark.parametrize("text", ["/a\nExecStart=/bin/evil", "/a\tb", "/a\x7f"])
def test_a_path_with_a_control_character_cannot_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        quote_path(text)


def test_a_bare_word_is_read_as_other_programs_write_it() -> None:
    assert unquote("/usr/bin/skrouterd -c /a/b") == "/usr/bin/skrouterd"
    assert shlex.split(quote("a b")) == ["a b"]


@pytest.mark.parametrize("text", [" leading", "trailing ", "continued\\", "two\nlines"])
def test_a_text_that_would_be_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        plain(text)


def test_a_plain_text_has_neither_specifiers_nor_variables_left() -> None:
    assert plain("/a b/%h/$HOME:/c:ro,z") == "/a b/%%h/$$HOME:/c:ro,z"
