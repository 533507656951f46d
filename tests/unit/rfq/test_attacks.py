"""What a peer may try against a negotiation."""

from dataclasses import replace

import pytest
from tests.unit.rfq.requests import MAKER, NOW, TAKER, alternative, offered, request, signature

from peersettle.errors import InvalidField, ProtocolError
from peersettle.rfq import (
    Acceptance,
    Accepted,
    Begun,
    Cancelled,
    Decline,
    MakerState,
    Offer,
    Received,
    Seen,
    Send,
    Side,
    Standing,
    Submission,
    Submit,
    TakerPhase,
    TakerState,
    Ticked,
)


def an_offer(asked, **changes):
    event = offered(asked)
    return Offer(asked.request_id, 0, MAKER.address, event.alternatives, NOW + 60, **changes)


def accepted(asked):
    """A taker that has accepted, and what it wants done."""
    state, _ = TakerState.begun(Begun(asked, ("maker",), NOW))
    state, _ = state.step(Received("maker", an_offer(asked), NOW + 1.0))
    return state.step(Accepted("maker", 0, 0, signature(TAKER, state.document("maker", 0, 0)), NOW + 2.0))


def test_a_claim_to_have_submitted_does_not_take_our_turn():
    asked = request(submitter=Side.MAKER)
    state, _ = accepted(asked)
    turn = state.deal.submit_at
    state, _ = state.step(Received("maker", Submission(asked.request_id, "0x" + "11" * 32), turn - 1))
    assert state.due == turn
    _, effects = state.step(Ticked(turn))
    assert any(isinstance(effect, Submit) for effect in effects)


def test_until_the_makers_signature_is_there_the_takers_stays_at_home():
    asked = request(last_look=True)
    state, effects = accepted(asked)
    assert state.phase is TakerPhase.LAST_LOOK
    assert [effect.message.signature for effect in effects if isinstance(effect, Send)] == [b""]
    state, _ = state.step(Cancelled(NOW + 3.0))
    assert state.is_over


@pytest.mark.parametrize("late", ["expires_at", "deadline"])
def test_an_offer_cannot_bind_for_ever(late):
    asked = request()
    offer = an_offer(asked)
    if late == "expires_at":
        offer = replace(offer, expires_at=NOW + 100_000, alternatives=(alternative(asked, deadline=NOW + 100_001),))
    else:
        offer = replace(offer, alternatives=(alternative(asked, deadline=NOW + 100_000),))
    state, _ = TakerState.begun(Begun(asked, ("maker",), NOW))
    with pytest.raises(ProtocolError, match="at most"):
        state.step(Received("maker", offer, NOW + 1.0))


def test_a_swap_and_a_trade_do_not_stand_beside_each_other():
    asked = request(partial=True)
    both = (alternative(asked), alternative(asked, price=0, part=5_000))
    state, _ = TakerState.begun(Begun(asked, ("maker",), NOW))
    with pytest.raises(ProtocolError, match="exclude"):
        state.step(Received("maker", Offer(asked.request_id, 0, MAKER.address, both, NOW + 60), NOW + 1.0))


def test_another_part_than_was_accepted_may_be_what_settles():
    asked = request(partial=True)
    state, _ = MakerState.begun(Received("taker", asked, float(NOW)))
    state, _ = state.step(offered(asked, parts=(10_000, 5_000)))
    given = signature(TAKER, state._document(1))
    state, _ = state.step(Received("taker", Acceptance(asked.request_id, 0, 1, given), NOW + 2.0))
    assert state.deal.document.swap.maker_amount == 5 * 10**18
    state, _ = state.step(Seen(Standing.INCLUDED, "0x" + "11" * 32, 0, NOW + 3.0))
    assert state.status == "settled"
    assert state.deal.document.swap.maker_amount == 10 * 10**18


@pytest.mark.parametrize("text", ["\x1b[2Jall is well", "two\nlines", "\ud800"])
def test_a_reason_is_text_that_can_be_shown(text):
    with pytest.raises(InvalidField, match="printable"):
        Decline("0" * 32, "size", text)
