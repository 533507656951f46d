"""The pre-flight check says the same in Python and on chain; and a trade settles just when it finds nothing."""

from dataclasses import fields

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.drawing import Drawing
from tests.contracts.differential.view import ChainView
from tests.contracts.differential.world import Call, World

from peersettle.errors import InvalidField
from peersettle.spec import settlement as spec
from peersettle.trades import (
    ApprovalMethod,
    Leg,
    LegKind,
    Quote,
    SignedTrade,
    Swap,
    Trade,
    check_swap,
    check_trade,
    swap_digest,
)
from peersettle.types import UINT256_MAX, ZERO_ADDRESS

pytestmark = pytest.mark.usefixtures("deployed")
WELL_BEHAVED = ("usdc", "usdt", "bat")


def built(kind, message, **changes):
    """As `peersettle.trades` builds it; what it would refuse is not looked at here."""
    try:
        return kind(**{f.name: getattr(message, f.name) for f in fields(kind)} | changes)
    except InvalidField:
        return assume(False)


def disturbed(drawing: Drawing) -> None:
    """Somebody has less, or has allowed less, than usual; some nonces are used, and some notices given."""
    world = drawing.world
    for _ in range(drawing.one([0, 1, 3])):
        spender = drawing.one([world.domain.settlement, world.addresses["permit2"]])
        world.approve(drawing.one(WELL_BEHAVED), drawing.actor().address, spender, drawing.one([0, 15, UINT256_MAX]))
    if drawing.chance(3):
        world.approve_all(drawing.one(["nft", "multi"]), drawing.actor().address, False)
    for verb in drawing.one([(), ("cancel",), ("cancel_trade",), ("settle",)]):
        world.do(getattr(drawing, verb)())
        world.warp(drawing.one([0, 60]))


def a_trade(drawing: Drawing):
    world = drawing.world
    parties = drawing.parties()
    sender = drawing.one([*parties, world.actors[3].address])
    entry = drawing.entry(sender, parties)
    legs = tuple(built(Leg, leg) for leg in entry.trade.legs)
    trade = built(Trade, entry.trade, legs=legs)
    assume(len(entry.signed) == len(trade.parties))
    approvals = tuple(built(type(approval), approval) for approval in entry.approvals)
    signatures = dict(zip(trade.parties, entry.signed, strict=True))
    native = trade.native_amount + (1 if drawing.fault("value") else 0)
    assume(native <= 500)
    return SignedTrade(world.domain, trade, signatures, approvals), sender, native


def trade_arguments(signed: SignedTrade):
    return signed.trade.to_abi(), signed.in_order(), [a.to_abi() for a in signed.approvals]


def a_quote(drawing: Drawing):
    world = drawing.world
    swap, sender = built(Swap, drawing.swap()), drawing.actor().address
    payer = sender if swap.is_open else swap.taker
    assume(payer != swap.maker)
    sender = drawing.one([sender, payer])
    digest = swap_digest(world.domain, swap)
    signatures = drawing.signed(swap.maker, digest), drawing.signed(payer, digest, optional=payer == sender)
    legs = [built(Leg, leg) for leg in swap.legs(payer)]
    return Quote(world.domain, swap, *signatures, tuple(drawing.approvals(legs, digest))), sender


def quote_arguments(quote: Quote):
    return (
        quote.swap.to_abi(),
        quote.maker_signature,
        quote.taker_signature,
        [a.to_abi() for a in quote.approvals],
    )


def as_numbers(problems):
    return [(int(p.code), p.index, p.available, p.required) for p in problems]


def on_chain(problems):
    return [(p.code, p.index, p.available, p.required) for p in problems]


def test_a_trade_has_the_same_problems_in_python_and_on_chain(examples):
    @settings(max_examples=examples(80))
    @given(st.data())
    def one(data):
        with World.fresh() as world:
            drawing = Drawing(data.draw, world, faults=6, valid=True)
            disturbed(drawing)
            signed, sender, native = a_trade(drawing)
            here = check_trade(signed, ChainView(world), sender, native)
            there = world.stage.check.check(*trade_arguments(signed), sender, native)
            assert as_numbers(here) == on_chain(there)
            for problem in here:
                event(problem.code.name)

    one()


def test_a_swap_has_the_same_problems_in_python_and_on_chain(examples):
    @settings(max_examples=examples(50))
    @given(st.data())
    def one(data):
        with World.fresh() as world:
            drawing = Drawing(data.draw, world, faults=6, valid=True)
            disturbed(drawing)
            quote, sender = a_quote(drawing)
            here = check_swap(quote, ChainView(world), sender)
            there = world.stage.check.check_swap(*quote_arguments(quote), sender)
            assert as_numbers(here) == on_chain(there)
            for problem in here:
                event(problem.code.name)

    one()


def test_a_trade_settles_if_and_only_if_no_problem_is_found(examples):
    @settings(max_examples=examples(120))
    @given(st.data())
    def one(data):
        with World.fresh() as world:
            drawing = Drawing(data.draw, world, faults=30, valid=True, tokens=WELL_BEHAVED)
            disturbed(drawing)
            signed, sender, native = a_trade(drawing)
            assume(is_for_the_check_to_judge(world, signed.trade.legs, signed.approvals))
            problems = check_trade(signed, ChainView(world), sender, native)
            arguments = trade_arguments(signed)
            call = Call(
                "settle",
                sender,
                arguments,
                lambda state: spec.settle(state, sender, signed.trade, arguments[1], signed.approvals, native),
                native,
            )
            outcome = world.do(call)
            event(f"settled {outcome.settled}: {outcome.reason}")
            assert outcome.settled == (not problems), (outcome.reason, [p.explain() for p in problems])

    one()


def test_a_swap_settles_if_and_only_if_no_problem_is_found(examples):
    @settings(max_examples=examples(60))
    @given(st.data())
    def one(data):
        with World.fresh() as world:
            drawing = Drawing(data.draw, world, faults=30, valid=True, tokens=WELL_BEHAVED)
            disturbed(drawing)
            quote, sender = a_quote(drawing)
            swap = quote.swap
            payer = sender if swap.taker == ZERO_ADDRESS else swap.taker
            legs = tuple(built(Leg, leg) for leg in swap.legs(payer))
            assume(is_for_the_check_to_judge(world, legs, quote.approvals))
            problems = check_swap(quote, ChainView(world), sender)
            call = Call(
                "swap_approved",
                sender,
                quote_arguments(quote),
                lambda state: spec.swap_approved(
                    state, sender, swap, quote.maker_signature, quote.taker_signature, quote.approvals
                ),
            )
            outcome = world.do(call)
            event(f"settled {outcome.settled}: {outcome.reason}")
            assert outcome.settled == (not problems), (outcome.reason, [p.explain() for p in problems])

    one()


def is_for_the_check_to_judge(world, legs, approvals) -> bool:
    """What only a dry run can tell is left out, and legs that share an allowance which one of them brings."""
    if any(leg.kind is LegKind.POSITION and leg.token != world.addresses["ledger"] for leg in legs):
        return False
    for one in approvals:
        leg = legs[one.leg]
        signed = leg.token == world.addresses["usdc"] and world.actor(leg.giver).role != "vault"
        alone = sum((other.token, other.giver) == (leg.token, leg.giver) for other in legs) == 1
        if not alone or not (signed or one.method is ApprovalMethod.PERMIT2):
            return False
    return True
