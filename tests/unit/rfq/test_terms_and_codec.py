"""What is signed follows from the request and an offer's numbers; what is read is what was written, or refused."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rfq.requests import (
    CASH,
    ETH,
    LEDGER,
    MAKER,
    NOW,
    OPTION,
    OTHER,
    TAKER,
    USDC,
    alternative,
    offered,
    request,
)

from peersettle.errors import InvalidDocument, InvalidField, NegotiationError, ProtocolError
from peersettle.rfq import (
    MESSAGE_CODEC,
    Accepted,
    Alternative,
    Ask,
    Begun,
    Indication,
    Item,
    Offer,
    Received,
    Side,
    TakerState,
    document_of,
    dump,
    event_of,
    parse,
    text_of,
)
from peersettle.trades import LegKind, Quote, SignedTrade


def test_one_erc20_against_another_is_a_swap_either_way():
    for to_taker, price in ((True, 7), (False, -7)):
        asked = request(items=(Item(ETH, 10, to_taker),))
        document = document_of(asked, MAKER.address, Alternative(price, 1, NOW))
        assert isinstance(document, Quote)
        given, got = (ETH, USDC) if to_taker else (USDC, ETH)
        assert (document.swap.maker_token, document.swap.taker_token) == (given.token, got.token)


@pytest.mark.parametrize("price", [0, -7])
def test_a_price_of_nothing_or_of_the_wrong_side_is_a_trade(price):
    document = document_of(request(), MAKER.address, Alternative(price, 1, NOW))
    assert isinstance(document, SignedTrade)
    legs = document.trade.legs
    assert legs[0].giver == MAKER.address
    assert [(leg.giver, leg.amount) for leg in legs[1:]] == ([(MAKER.address, 7)] if price else [])


def test_positions_move_between_the_sub_accounts_that_were_named():
    asked = request(items=(Item(OPTION, 10, True),), currency=CASH, sub_account=3)
    document = document_of(asked, MAKER.address, Alternative(450, 1, NOW, sub_account=5))
    option, cash = document.trade.legs
    assert option.kind is LegKind.POSITION
    assert (option.giver, option.sub_accounts, option.lots) == (MAKER.address, (5, 3), 10)
    assert (cash.giver, cash.sub_accounts, cash.lots) == (TAKER.address, (3, 5), 450)
    assert {leg.token for leg in document.trade.legs} == {LEDGER}


def test_a_part_that_does_not_divide_is_refused():
    with pytest.raises(InvalidField, match="no whole amount"):
        document_of(request(items=(Item(ETH, 3, True),)), MAKER.address, Alternative(7, 1, NOW, part=5_000))


FIELDS = st.sampled_from(
    [{"price": 1}, {"nonce": 1}, {"deadline": NOW + 119}, {"part": 5_000}, {"sub_account": 1}, {"price": -1}]
)


@given(changes=FIELDS)
def test_a_signature_is_over_every_number_of_an_offer(changes):
    asked = request(items=(Item(ETH, 10, True), Item(OPTION, 10, True)), partial=True)
    good = alternative(asked)
    state, _ = TakerState.begun(Begun(asked, ("maker",), NOW))
    bad = Offer(asked.request_id, 0, MAKER.address, (replace(good, **changes),), NOW + 60)
    with pytest.raises(ProtocolError, match="signature"):
        state.step(Received("maker", bad, NOW + 1.0))
    with pytest.raises(ProtocolError, match="signature"):
        state.step(Received("maker", replace(bad, maker=OTHER.address, alternatives=(good,)), NOW + 1.0))
    fine, _ = state.step(Received("maker", replace(bad, alternatives=(good,)), NOW + 1.0))
    assert fine.answers["maker"].offer is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"partial": False}, "a part, which was not asked for"),
        ({"last_look": False}, "without a signature"),
    ],
)
def test_an_offer_keeps_to_the_request(changes, said):
    asked = request(**changes)
    parts = (5_000,) if "partial" in changes else (10_000,)
    event = offered(asked, parts=parts)
    alternatives = event.alternatives
    if "last_look" in changes:
        alternatives = tuple(replace(item, signature=b"") for item in alternatives)
    state, _ = TakerState.begun(Begun(asked, ("maker",), NOW))
    with pytest.raises(ProtocolError, match=said):
        state.step(Received("maker", Offer(asked.request_id, 0, MAKER.address, alternatives, NOW + 60), NOW + 1.0))


def test_nobody_else_answers_and_nobody_else_accepts():
    asked = request()
    state, _ = TakerState.begun(Begun(asked, ("maker",), NOW))
    with pytest.raises(ProtocolError, match="not asked"):
        state.step(Received("other", Indication(asked.request_id, 1), NOW + 1.0))
    with pytest.raises(ProtocolError, match="only a maker gets"):
        state.step(Received("maker", Ask(asked.request_id), NOW + 1.0))
    event = offered(asked)
    offer = Offer(asked.request_id, 0, MAKER.address, event.alternatives, NOW + 60)
    state, _ = state.step(Received("maker", offer, NOW + 1.0))
    with pytest.raises(NegotiationError, match="not signed by"):
        state.step(Accepted("maker", 0, 0, event.alternatives[0].signature, NOW + 2.0))


@given(
    price=st.integers(-(2**255) + 1, 2**255 - 1),
    part=st.integers(1, 10_000),
    last_look=st.booleans(),
    submitter=st.sampled_from(list(Side)),
    amount=st.integers(1, 2**64 - 1),
)
def test_what_is_written_is_read(price, part, last_look, submitter, amount):
    asked = request(items=(Item(OPTION, amount, True),), currency=CASH, last_look=last_look, submitter=submitter)
    for message in (asked, Indication(asked.request_id, price, part)):
        data = dump(MESSAGE_CODEC.encode(message))
        assert MESSAGE_CODEC.decode(parse(data)) == message
        event = Received("peer", message, 1.25)
        assert event_of(text_of(event)) == event


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(data=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_refused_and_nothing_else_happens(data):
    with pytest.raises(InvalidDocument):
        MESSAGE_CODEC.decode(parse(data))


@given(field=st.sampled_from(sorted(MESSAGE_CODEC.encode(request()))), value=JSON)
def test_a_field_of_another_kind_is_refused_whole(field, value):
    data = {**MESSAGE_CODEC.encode(request()), field: value}
    with suppress(InvalidDocument):
        MESSAGE_CODEC.decode(parse(json.dumps(data).encode()))
