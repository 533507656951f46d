"""A signed message is a file that one can mail: it comes back as it went, or is refused as a whole."""

import json
import subprocess
import sys
from copy import deepcopy

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.unit.trades.strategies import documents

from peersettle.errors import InvalidDocument
from peersettle.trades import Domain, Quote, Swap, load
from peersettle.trades.documents import dump
from peersettle.types import Address

QUOTE = dump(
    Quote(
        Domain(1, Address("0x" + "11" * 20)),
        Swap(
            Address("0x" + "22" * 20),
            Address("0x" + "33" * 20),
            Address("0x" + "44" * 20),
            5,
            Address("0x" + "55" * 20),
            6,
            nonce=7,
            deadline=8,
        ),
    )
)
ODD = [None, True, False, 0, 1, -1, 1.5, 1e400, 2**300, "", "0", "-1", "+1", "01", "1e3", " 1", "٣", "0x", "0xzz"]
ODD += [str(2**256), "0x" + "00" * 20, "0x" + "00" * 32, "0x" + "ab" * 20, "x" * 5_000, [], {}, [[]], {"": None}]
ODD += ["9" * 5_000, "0x" + "1" * 40, "0X" + "ab" * 20, " 0x" + "ab" * 20, "\ud800", 10**400]


@given(documents)
def test_a_document_comes_back_as_it_went(document):
    back = load(dump(document))
    assert back == document
    assert back.digest == document.digest
    assert load(dump(back).encode()) == document


@given(documents)
def test_numbers_survive_readers_that_lose_digits(document):
    assume(document.domain.chain_id < 2**53)
    assert load(json.dumps(json.loads(dump(document), parse_int=lambda digits: int(float(digits))))) == document


def places(data, path=()):
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def mutated(draw, data):
    """One thing changed anywhere: replaced, removed, added, or moved."""
    data = deepcopy(data)
    path = draw(st.sampled_from([place for place in places(data) if place]))
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    last, value = path[-1], parent[path[-1]]
    how = draw(st.sampled_from(["odd", "remove", "add", "swap", "text"]))
    if how == "odd":
        parent[last] = draw(st.sampled_from(ODD))
    elif how == "remove":
        del parent[last]
    elif how == "add" and isinstance(parent, dict):
        parent[draw(st.sampled_from(["extra", "0x" + "ab" * 20, "swap", "trade", ""]))] = draw(st.sampled_from(ODD))
    elif how == "add":
        parent.insert(last, deepcopy(value))
    elif how == "swap":
        others = list(parent) if isinstance(parent, dict) else range(len(parent))
        other = draw(st.sampled_from(list(others)))
        parent[last], parent[other] = parent[other], parent[last]
    elif isinstance(value, str) and value:
        at = draw(st.integers(0, len(value) - 1))
        parent[last] = value[:at] + draw(st.sampled_from("0aAfxX 9-.\0é")) + value[at + 1 :]
    return data


def spelt_alike(value):
    """A document with its hex in lower case, its numbers without leading zeros, and its lists of parties in order."""
    if isinstance(value, dict):
        return {
            name.lower(): sorted(map(str.lower, item)) if name == "parties" else spelt_alike(item)
            for name, item in value.items()
            if name != "approvals"
        } | {"approvals": sorted(spelt_alike(item)["leg"] for item in value.get("approvals", []))}
    if isinstance(value, list):
        return [spelt_alike(item) for item in value]
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return str(int(value))
    return value.lower().replace(" ", "") if isinstance(value, str) else value


@settings(max_examples=600)
@given(documents, st.data())
def test_a_changed_document_is_read_for_what_it_says_or_refused(document, data):
    changed = mutated(data.draw, document.to_json())
    try:
        read = load(json.dumps(changed))
    except InvalidDocument:
        event("refused")
        return
    event("read")
    assert spelt_alike(read.to_json()) == spelt_alike(changed)


@given(st.one_of(st.text(), st.binary(), st.recursive(st.sampled_from(ODD), st.lists).map(json.dumps)))
def test_no_text_at_all_breaks_the_reader(text):
    try:
        load(text)
    except InvalidDocument:
        return
    pytest.fail("that was no document")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 900,
        "null",
        "[]",
        '"x"',
        "NaN",
        '{"format": ["peersettle.quote"]}',
        '{"format": {}}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_document_is_refused(text):
    with pytest.raises(InvalidDocument):
        load(text)


@given(documents, st.sampled_from([None, 0, 2, "1", [1], {}]))
def test_another_version_is_refused(document, version):
    with pytest.raises(InvalidDocument, match="version"):
        load(json.dumps({**document.to_json(), "version": version}))


@given(documents)
def test_each_kind_is_refused_as_the_other(document):
    data = document.to_json()
    data["format"] = "peersettle.trade" if data["format"] == "peersettle.quote" else "peersettle.quote"
    with pytest.raises(InvalidDocument):
        load(json.dumps(data))


def test_a_number_of_many_digits_is_refused():
    data = json.loads(QUOTE)
    data["swap"]["nonce"] = "9" * 5_000
    with pytest.raises(InvalidDocument, match="nonce"):
        load(json.dumps(data))


def test_a_deeply_nested_text_is_refused_and_does_not_end_the_process():
    program = (
        "import sys; sys.setrecursionlimit(100_000)\n"
        "from peersettle.errors import InvalidDocument; from peersettle.trades import load\n"
        "try: load('[' * 100_000)\n"
        "except InvalidDocument: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n"


def test_a_field_given_twice_is_refused():
    with pytest.raises(InvalidDocument):
        load(QUOTE.replace('"maker_amount"', '"maker_amount": "1", "maker_amount"', 1))


@pytest.mark.parametrize("version", [True, 1.0])
def test_a_version_is_a_whole_number(version):
    with pytest.raises(InvalidDocument):
        load(json.dumps(json.loads(QUOTE) | {"version": version}))
