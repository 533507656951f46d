"""The specification by itself: an invalid call changes nothing, and what it says can be read off small examples."""

from copy import deepcopy

import coincurve
import pytest

from peersettle import errors
from peersettle.spec import settlement as spec
from peersettle.spec.chain import State, as_received
from peersettle.spec.nonces import used_swaps, used_trades
from peersettle.spec.tokens import Erc20, Erc721, Ledger
from peersettle.trades import (
    Domain,
    Leg,
    LegKind,
    Signature,
    Swap,
    Trade,
    sign_digest,
    swap_digest,
    trade_digest,
)
from peersettle.types import UINT256_MAX, ZERO_ADDRESS, Address, checksummed, keccak

SETTLEMENT, PERMIT2, USDC, WETH, NFT, LEDGER = (Address("0x" + f"{n:02x}" * 20) for n in range(0x10, 0x16))
NOW = 1_000_000


def key_of(role: str) -> coincurve.PrivateKey:
    return coincurve.PrivateKey(keccak(role.encode()))


def address_of(role: str) -> Address:
    return checksummed(keccak(key_of(role).public_key.format(compressed=False)[1:])[-20:])


maker, taker, liquidator = (address_of(role) for role in ("maker", "taker", "liquidator"))
ROLES = {maker: "maker", taker: "taker", liquidator: "liquidator"}


@pytest.fixture
def state() -> State:
    made = State(Domain(1, SETTLEMENT), 1, PERMIT2, NOW)
    for where in (USDC, WETH):
        allowances = {(who, SETTLEMENT): UINT256_MAX for who in ROLES}
        made.contracts[where] = Erc20(where, balances=dict.fromkeys(ROLES, 100), allowances=allowances)
    made.contracts[NFT] = Erc721(owners={1: maker}, approved={1: SETTLEMENT})
    made.contracts[LEDGER] = Ledger(10)
    made.native = dict.fromkeys(ROLES, 50)
    return made


def a_swap(**changes) -> Swap:
    fields = {
        "maker": maker,
        "taker": taker,
        "maker_token": USDC,
        "maker_amount": 30,
        "taker_token": WETH,
        "taker_amount": 2,
        "nonce": 300,
        "deadline": NOW,
    }
    return Swap(**(fields | changes))


def by(role: str, state: State, message: Swap | Trade) -> Signature:
    digest = swap_digest if isinstance(message, Swap) else trade_digest
    return sign_digest(key_of(role), digest(state.domain, message))


def a_trade(*legs: Leg, **changes) -> Trade:
    fields = {"parties": (maker, taker), "nonce_word": 1, "nonce_mask": 1, "valid_after": 0, "deadline": NOW}
    return Trade(**(fields | {"legs": legs} | changes))


def signatures(state: State, trade: Trade) -> list[bytes]:
    return [by(ROLES[party], state, trade).to_bytes() for party in trade.parties]


def balance(state: State, token: Address, who: Address) -> int:
    return state.contracts[token].balance_of(who)


def unchanged(state: State, refusal: type[errors.Reverted], call, *arguments, **options) -> errors.Reverted:
    before = deepcopy(vars(state))
    with pytest.raises(refusal) as raised:
        call(state, *arguments, **options)
    assert vars(state) == before
    return raised.value


def test_a_swap_moves_both_tokens_once(state):
    swap = a_swap()
    spec.swap(state, taker, swap, by("maker", state, swap))
    assert (balance(state, USDC, maker), balance(state, USDC, taker)) == (70, 130)
    assert (balance(state, WETH, maker), balance(state, WETH, taker)) == (102, 98)
    assert used_swaps(state, maker, 1) == 1 << 44
    unchanged(state, errors.NonceUsed, spec.swap, taker, swap, by("maker", state, swap))


@pytest.mark.parametrize(
    ("changes", "sender", "signer", "refusal"),
    [
        ({}, liquidator, "maker", errors.WrongTaker),
        ({"deadline": NOW - 1}, taker, "maker", errors.Expired),
        ({}, taker, "taker", errors.BadSignature),
        ({"maker_amount": 101}, taker, "maker", errors.TokenReverted),
        ({"maker_token": LEDGER}, taker, "maker", errors.Reverted),
    ],
)
def test_a_refused_swap_changes_nothing(state, changes, sender, signer, refusal):
    swap = a_swap(**changes)
    unchanged(state, refusal, spec.swap, sender, swap, by(signer, state, swap))


def test_a_refusal_carries_the_values(state):
    swap = a_swap(deadline=NOW - 5)
    refusal = unchanged(state, errors.Expired, spec.swap, taker, swap, by("maker", state, swap))
    assert refusal.values == {"now": NOW, "deadline": NOW - 5}


def test_a_changed_chain_id_settles_nothing(state):
    swap = a_swap()
    state.chain_id = 2
    unchanged(state, errors.WrongChainId, spec.swap, taker, swap, by("maker", state, swap))


def test_a_trade_settles_whole_or_not_at_all(state):
    legs = [
        Leg(maker, taker, LegKind.ERC721, NFT, 1, 1),
        Leg(taker, maker, LegKind.NATIVE, ZERO_ADDRESS, 0, 20),
        Leg.position(maker, taker, LEDGER, series=7, lots=3),
    ]
    trade = a_trade(*legs)
    signed = signatures(state, trade)
    unchanged(state, errors.WrongValue, spec.settle, taker, trade, signed, value=21)
    unchanged(state, errors.NativeNotSender, spec.settle, liquidator, trade, signed, value=20)
    spec.settle(state, taker, trade, signed, value=20)
    assert state.contracts[NFT].owner_of(1) == taker
    assert (state.native[maker], state.native[taker]) == (70, 30)
    assert state.contracts[LEDGER].positions == {(int(maker, 16) << 96, 7): -3, (int(taker, 16) << 96, 7): 3}


def test_the_gate_of_a_ledger_undoes_the_tokens_too(state):
    trade = a_trade(Leg(maker, taker, LegKind.ERC20, USDC, 0, 9), Leg.position(maker, taker, LEDGER, series=7, lots=11))
    unchanged(state, errors.BelowMargin, spec.settle, taker, trade, signatures(state, trade))


def test_novation_retires_what_it_names(state):
    day = [a_trade(Leg(maker, taker, LegKind.ERC20, USDC, 0, 1), nonce_mask=1 << bit) for bit in range(3)]
    net = a_trade(Leg(maker, taker, LegKind.ERC20, USDC, 0, 3), nonce_mask=0b111)
    spec.settle(state, liquidator, net, signatures(state, net))
    for trade in day:
        unchanged(state, errors.NonceUsed, spec.settle, liquidator, trade, signatures(state, trade))
    assert balance(state, USDC, taker) == 103


def test_a_notice_takes_effect_after_sixty_seconds(state):
    trade = a_trade(Leg(maker, taker, LegKind.ERC20, USDC, 0, 1), deadline=NOW + 100)
    spec.cancel_trade(state, maker, trade.parties, 1, 1)
    state.now += 59
    assert used_trades(state, trade.parties, 1) == 1 << 255
    spec.settle(deepcopy(state), taker, trade, signatures(state, trade))
    state.now += 1
    assert used_trades(state, trade.parties, 1) == 1 << 255 | 1
    unchanged(state, errors.NonceUsed, spec.settle, taker, trade, signatures(state, trade))


def test_a_later_notice_restarts_only_the_senders_own(state):
    parties = a_trade().parties
    spec.cancel_trade(state, maker, parties, 1, 1)
    spec.cancel_trade(state, taker, parties, 1, 2)
    state.now += 59
    spec.cancel_trade(state, taker, parties, 1, 4)
    state.now += 1
    assert used_trades(state, parties, 1) == 1 << 255 | 1
    state.now += 59
    assert used_trades(state, parties, 1) == 1 << 255 | 7


def test_in_a_batch_one_fails_alone_and_the_sender_counts_for_nobody(state):
    good = a_trade(Leg(maker, taker, LegKind.ERC20, USDC, 0, 1))
    unsigned = a_trade(Leg(taker, maker, LegKind.ERC20, USDC, 0, 1), nonce_mask=2)
    bound = a_trade(Leg(maker, taker, LegKind.ERC20, USDC, 0, 1), nonce_mask=4, submitter=taker)
    half = [by(ROLES[party], state, unsigned).to_bytes() if party != taker else b"" for party in unsigned.parties]
    entries = [
        spec.Entry(unsigned, half),
        spec.Entry(bound, signatures(state, bound)),
        None,
        spec.Entry(good, signatures(state, good)),
    ]
    assert spec.settle_batch(state, taker, entries, [0] * 4) == 0b1000
    skipped = [event.reason for event in state.log if isinstance(event, spec.EntrySkipped)]
    assert skipped == ["signature", "submitter", None]
    assert balance(state, USDC, taker) == 101


def test_a_call_within_a_call_is_refused(state):
    outer, inner = a_swap(nonce=1), a_swap(nonce=2)
    refused = []

    def call_back(inside: State) -> None:
        with pytest.raises(errors.Reverted, match="within a call") as raised:
            spec.swap(inside, taker, inner, by("maker", state, inner))
        refused.append(raised.value)

    state.contracts[USDC].hooks[taker] = call_back
    spec.swap(state, taker, outer, by("maker", state, outer))
    assert len(refused) == 1
    assert not state.locked
    assert used_swaps(state, maker, 0) == 2


def test_what_python_refuses_to_build_can_still_be_sent(state):
    descending = tuple(sorted((maker, taker), key=lambda party: -int(party, 16)))
    trade = as_received(
        Trade,
        parties=descending,
        legs=(),
        nonce_word=0,
        nonce_mask=1,
        valid_after=0,
        deadline=NOW,
        submitter=ZERO_ADDRESS,
        terms=bytes(32),
    )
    unchanged(state, errors.BadParties, spec.settle, descending[0], trade, [b"", b""])
