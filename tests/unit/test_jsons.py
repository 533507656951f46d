"""JSON from strangers cannot exhaust the stack, and is read like any other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peersettle.jsons import MAX_DEPTH, read_json

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(documents)
def test_what_json_writes_is_read(document):
    for ascii_only in (True, False):
        assert read_json(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":[[{"b":'])
def test_depth_is_bounded_before_the_parser_sees_it(opening):
    with pytest.raises(ValueError, match="nested"):
        read_json(opening * 200_000)
    with pytest.raises(ValueError, match="nested"):
        read_json(b'["]]]",' * 10 + b"[" * MAX_DEPTH)


def test_another_encoding_cannot_hide_brackets():
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        with pytest.raises(ValueError):  # noqa: PT011 - any will do
            read_json(("\u2200" + "[" * 100_000).encode(encoding))


def test_brackets_inside_strings_are_no_depth():
    assert read_json(b'["' + b"[" * 1_000 + b'\\"[{"]') == ["[" * 1_000 + '"[{']


@pytest.mark.parametrize("text", [b"", b"{", b'"\\', b'"' + b'\\"' * 100_000, b"\xff", b"[1,]", b"<html>"])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any will do
        read_json(text)
