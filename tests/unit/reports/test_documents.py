"""Signed reports travel as JSON and arrive unchanged, or are refused whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.reports.strategies import addresses, batches, domains, reports, signatures, surfaces

from peersettle.errors import InvalidDocument, SignatureError
from peersettle.reports import (
    Batch,
    CoSigned,
    Feed,
    Observation,
    OracleDomain,
    Report,
    SignedReport,
    from_json,
    load_document,
)
from peersettle.trades.signature import sign_digest
from peersettle.types import Address

signed_reports = st.builds(SignedReport, domains, reports(), addresses, signatures)
cosigned = st.builds(
    CoSigned, domains, st.one_of(batches(), surfaces()), st.dictionaries(addresses, signatures, max_size=5)
)
documents = st.one_of(signed_reports, cosigned)
HOME = OracleDomain(1, Address("0x" + "11" * 20))
SOMEBODY = Address("0x" + "22" * 20)
REPORT = Report(Feed("ETH/USD"), 5, 15)


@given(documents)
def test_a_document_arrives_unchanged(document):
    assert load_document(json.dumps(document.to_json())) == document
    assert from_json(document.to_json()) == document


@given(documents)
def test_numbers_travel_as_text(document):
    def leaves(node):
        if isinstance(node, dict):
            for value in node.values():
                yield from leaves(value)
        elif isinstance(node, list):
            for value in node:
                yield from leaves(value)
        else:
            yield node

    data = document.to_json()
    assert data.pop("version") == 1
    assert all(isinstance(leaf, str) for leaf in leaves(data))


@given(documents, st.data())
def test_a_document_without_or_with_an_unknown_field_is_refused(document, data):
    fields = document.to_json()
    name = data.draw(st.sampled_from(sorted(fields)))
    for broken in ({key: value for key, value in fields.items() if key != name}, {**fields, "note": "x"}):
        with pytest.raises(InvalidDocument):
            from_json(broken)


@given(documents, st.data())
def test_any_other_value_of_a_field_is_refused_or_another_document(document, data):
    junk = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=70),
        st.lists(st.text(max_size=5), max_size=2),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    )
    fields = document.to_json()
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(junk)
    try:
        read = from_json(fields)
    except InvalidDocument:
        return
    assert from_json(read.to_json()) == read


@given(st.one_of(st.text(max_size=40), st.binary(max_size=40)))
def test_what_is_no_document_is_refused(text):
    with pytest.raises(InvalidDocument):
        load_document(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "5",
        "{",
        '{"format": "peersettle.report", "format": "peersettle.report"}',
        '{"format": "peersettle.quote", "version": 1}',
        "[" * 100_000,
        '{"format": ["peersettle.report"], "version": 1}',
    ],
    ids=range(9),
)
def test_malformed_json_is_refused(text):
    with pytest.raises(InvalidDocument):
        load_document(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": "1"},
        {"version": 1.5},
        {"version": True},
        {"value": "-5"},
        {"value": "0x5"},
        {"value": "5.0"},
        {"value": "\u0665"},
        {"value": 5},
        {"value": "9" * 79},
        {"value": "0"},
        {"value": str(2**87)},
        {"observed_at": "16"},
        {"observed_at": str(2**32 + 14)},
        {"chain_id": str(2**64)},
        {"oracle": "0x" + "11" * 19},
        {"reporter": "0xAbcdefabcdefabcdefabcdefabcdefabcdefabcd"},
        {"feed": "0x00"},
        {"feed": "ETH/USD"},
        {"signature": "11"},
        {"signature": "0xzz"},
        {"signature": "0x" + "11" * 66},
        {"signature": None},
    ],
    ids=str,
)
def test_a_field_that_is_not_its_kind_is_refused(changes):
    fields = SignedReport(HOME, REPORT, SOMEBODY, b"\x01" * 65).to_json()
    with pytest.raises(InvalidDocument):
        from_json({**fields, **changes})


@pytest.mark.parametrize("changes", [{"feeds": []}, {"observations": []}, {"signatures": []}, {"feeds": "x"}])
def test_a_torn_batch_is_refused(changes):
    fields = CoSigned(HOME, Batch((Observation(REPORT.feed, 5),), 15), {}).to_json()
    with pytest.raises(InvalidDocument):
        from_json({**fields, **changes})


def test_one_reporter_signs_once():
    """Not in two spellings of one address either."""
    fields = CoSigned(HOME, Batch((Observation(REPORT.feed, 5),), 15), {}).to_json()
    with pytest.raises(InvalidDocument):
        from_json({**fields, "signatures": {"0x" + "ab" * 20: "0x11", "0X" + "ab" * 20: "0x22"}})


def test_verify_tells_whose_signature_it_is(reporter):
    key, who = reporter
    signed = SignedReport(HOME, REPORT, who, sign_digest(key, SignedReport(HOME, REPORT, who, b"").digest).to_bytes())
    signed.verify()
    for wrong in (
        SignedReport(HOME, REPORT, SOMEBODY, signed.signature),
        SignedReport(OracleDomain(2, HOME.oracle), REPORT, who, signed.signature),
        SignedReport(HOME, Report(REPORT.feed, 6, 15), who, signed.signature),
        SignedReport(HOME, Report(REPORT.feed, 5, 30), who, signed.signature),
        SignedReport(HOME, REPORT, who, b""),
        SignedReport(HOME, REPORT, who, bytes(65)),
    ):
        with pytest.raises(SignatureError):
            wrong.verify()
