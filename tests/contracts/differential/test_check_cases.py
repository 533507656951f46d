"""Trades in which one leg changes what another needs: the check must follow them as Settlement would."""

from dataclasses import replace

import pytest
from tests.contracts.differential.drawing import Drawing
from tests.contracts.differential.test_checks import as_numbers, on_chain, quote_arguments, trade_arguments
from tests.contracts.differential.view import ChainView
from tests.contracts.differential.world import Call, World, liquidator, maker, relayer, taker

from peersettle.trades import (
    ApprovalMethod,
    Leg,
    LegKind,
    Quote,
    Signature,
    SignedTrade,
    Swap,
    Trade,
    check_swap,
    check_trade,
    swap_digest,
    trade_digest,
)
from peersettle.types import UINT256_MAX

A, B, C = maker.address, taker.address, liquidator.address
E20, EXACT, NFT = LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.ERC721


def missed(*case):
    """What the check does not see yet."""
    return pytest.param(*case, marks=pytest.mark.xfail(strict=True, raises=AssertionError))


class Choosing(Drawing):
    """An approval of a certain method, and nothing left to chance."""

    def __init__(self, world: World, method: ApprovalMethod = ApprovalMethod.ERC2612) -> None:
        super().__init__(lambda _: None, world, faults=0)
        self.method = method

    def one(self, options):
        return self.method if self.method in options else options[0]

    def chance(self, of):  # noqa: ARG002
        return False


def signed(world: World, legs, approve=()) -> SignedTrade:
    """By all; `approve`: (leg, method, deadline from now or None)."""
    trade = Trade((A, B, C), tuple(legs), 1, 1, 0, world.now)
    digest = trade_digest(world.domain, trade)
    approvals = [Choosing(world, method).approval(leg, legs[leg], digest) for leg, method in approve]
    signatures = {party: world.actor(party).sign(digest).to_bytes() for party in trade.parties}
    return SignedTrade(world.domain, trade, signatures, tuple(approvals))


def agrees(world: World, trade: SignedTrade) -> None:
    """Python, the chain's check and Settlement itself say the same."""
    here = check_trade(trade, ChainView(world), relayer.address)
    there = world.stage.check.check(*trade_arguments(trade), relayer.address, 0)
    outcome = world.on_chain(Call("settle", relayer.address, trade_arguments(trade), lambda _: None))
    assert as_numbers(here) == on_chain(there)
    assert outcome.settled == (not here), (outcome.reason, [problem.explain() for problem in here])


def cases(world: World):
    usdc, nft = world.addresses["usdc"], world.addresses["nft"]
    mine = next(id for id, owner in world.nft.owners.items() if owner == A)
    hers = next(id for id, owner in world.nft.owners.items() if owner == C)
    permit, permit2 = ApprovalMethod.ERC2612, ApprovalMethod.PERMIT2
    return {
        "an ERC-721 given twice": ([Leg(A, B, NFT, nft, mine, 1), Leg(A, C, NFT, nft, mine, 1)], ()),
        "an ERC-721 that comes and goes": ([Leg(C, B, NFT, nft, hers, 1), Leg(B, A, NFT, nft, hers, 1)], ()),
        "an ERC-721 passed on by one who approved nothing": (
            [Leg(B, A, NFT, nft, 1, 1), Leg(A, C, NFT, nft, 1, 1)],
            (),
        ),
        "exact, to itself": ([Leg(A, A, EXACT, usdc, 0, 5)], ()),
        "a permit replaces the standing allowance": (
            [Leg(A, B, E20, usdc, 0, 10), Leg(A, B, E20, usdc, 0, 20)],
            [(0, permit)],
        ),
        "Permit2 twice, one allowance": (
            [Leg(A, B, E20, usdc, 0, 60), Leg(A, B, E20, usdc, 0, 60)],
            [(0, permit2), (1, permit2)],
        ),
        "tokens that came first": ([Leg(A, B, E20, usdc, 0, 400), Leg(B, A, E20, usdc, 0, 1_400)], ()),
        "standing allowance, two legs": ([Leg(A, B, E20, usdc, 0, 300), Leg(A, C, E20, usdc, 0, 300)], ()),
    }


NAMES = [
    "an ERC-721 given twice",
    "an ERC-721 that comes and goes",
    "an ERC-721 passed on by one who approved nothing",
    "exact, to itself",
    missed("a permit replaces the standing allowance"),
    missed("Permit2 twice, one allowance"),
    "tokens that came first",
    "standing allowance, two legs",
]


@pytest.mark.parametrize("name", NAMES)
def test_legs_that_depend_on_each_other(world, name):
    world.approve("usdc", A, world.addresses["permit2"], 100)
    legs, approvals = cases(world)[name]
    agrees(world, signed(world, legs, approvals))


def test_an_authorization_is_over_at_its_deadline(world):
    """ERC-3009: valid *before*, not at."""
    usdc = world.addresses["usdc"]
    trade = signed(world, [Leg(A, B, E20, usdc, 0, 10)], [(0, ApprovalMethod.ERC3009)])
    until = trade.approvals[0].deadline
    late = replace(trade.trade, deadline=until)
    digest = trade_digest(world.domain, late)
    approval = Choosing(world, ApprovalMethod.ERC3009).approval(0, late.legs[0], digest)
    signatures = {party: world.actor(party).sign(digest).to_bytes() for party in late.parties}
    world.warp(until - world.now)
    agrees(world, SignedTrade(world.domain, late, signatures, (approval,)))


@pytest.mark.xfail(strict=True, raises=AssertionError)
def test_a_leg_has_one_approval(world):
    usdc = world.addresses["usdc"]
    trade = signed(world, [Leg(A, B, E20, usdc, 0, 10)], [(0, ApprovalMethod.PERMIT2)])
    agrees(world, replace(trade, approvals=trade.approvals * 2))


@pytest.mark.xfail(strict=True, raises=AssertionError)
def test_approvals_for_no_leg(world):
    usdc = world.addresses["usdc"]
    trade = signed(world, [Leg(A, B, E20, usdc, 0, 10)], [(0, ApprovalMethod.PERMIT2)])
    (one,) = trade.approvals
    agrees(world, replace(trade, approvals=(one, replace(one, leg=3), replace(one, leg=4))))


def a_quote(world: World, maker_amount: int, taker_amount: int, maker_token="usdc", taker_token="usdt"):
    tokens = world.addresses[maker_token], world.addresses[taker_token]
    swap = Swap(A, B, tokens[0], maker_amount, tokens[1], taker_amount, 3, world.now)
    digest = swap_digest(world.domain, swap)
    return Quote(world.domain, swap, maker.sign(digest).to_bytes(), taker.sign(digest).to_bytes())


@pytest.mark.xfail(strict=True, raises=AssertionError)
def test_approvals_of_a_quote_ascend(world):
    quote = a_quote(world, 10, 20)
    approvals = [
        Choosing(world, ApprovalMethod.PERMIT2).approval(index, leg, quote.digest)
        for index, leg in enumerate(quote.swap.legs())
    ]
    quote = replace(quote, approvals=tuple(approvals[::-1]))
    here = check_swap(quote, ChainView(world), B)
    there = world.stage.check.check_swap(*quote_arguments(quote), B)
    assert as_numbers(here) == on_chain(there)
    outcome = world.on_chain(Call("swap_approved", B, quote_arguments(quote), lambda _: None))
    assert outcome.settled == (not here)


@pytest.mark.parametrize("amounts", [(1_500, 600), (600, 1_500)])
@pytest.mark.parametrize("verb", [missed("swap"), "swap_approved"])
def test_one_token_both_ways(world, amounts, verb):
    """What comes in may pay for what goes out, in the order in which they move."""
    for who in (A, B):
        world.approve("usdc", who, world.domain.settlement, UINT256_MAX)
    quote = a_quote(world, *amounts, "usdc", "usdc")
    compact = Signature.from_bytes(quote.maker_signature).to_abi()
    arguments = (quote.swap.to_abi(), compact) if verb == "swap" else quote_arguments(quote)
    problems = check_swap(quote, ChainView(world), B)
    outcome = world.on_chain(Call(verb, B, arguments, lambda _: None))
    assert outcome.settled == (not problems), (outcome.reason, [problem.explain() for problem in problems])
