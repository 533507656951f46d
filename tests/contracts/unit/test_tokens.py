"""The table of tokens in `docs/reference/tokens.md`, cell by cell: the documentation is the expectation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contracts.mocks import load
from tests.contracts.unit.scene import CODELESS, HOLDING, Outcome, Scene, approve, broker, maker, taker
from tests.contracts.unit.tables import skipped, table, told

from peersettle.trades import NETTABLE, Approval, ApprovalMethod, LegKind, Swap, Trade

CELLS = table("Tokens")
FEE = 3


@dataclass
class Asset:
    """A token that the maker holds and has allowed. It misbehaves once armed, and is counted disarmed."""

    token: Any
    arm: Callable[[], object] = lambda: None
    disarm: Callable[[], object] = lambda: None

    @property
    def address(self) -> str:
        return CODELESS if self.token is None else str(self.token.address)

    def balances(self) -> tuple[int, ...]:
        if self.token is None:
            return (0, 0)
        self.disarm()
        return tuple(int(self.token.balanceOf(one.address)) for one in (maker, taker))


# How each row comes about


def asset(scene: Scene, name: str) -> Asset:
    """The mock `name`, of which the maker has plenty."""
    token = load(name, "Token", "TOK", 6)
    scene.fund(token, maker.address)
    approve(token, maker.address, scene.permit2.address)
    return Asset(token)


def just(name):
    return lambda scene: asset(scene, name)


def returns_false(scene):
    made = asset(scene, "FalseToken")
    made.token.transfer(broker.address, HOLDING, sender=maker.address)
    return made


def takes_a_fee(scene):
    made = asset(scene, "FeeToken")
    made.token.set_fee(100)
    return made


def blacklists(account):
    def make(scene):
        made = asset(scene, "BlacklistToken")
        made.token.set_blacklisted(account(scene).address, True)
        return made

    return make


def is_paused(scene):
    made = asset(scene, "BlacklistToken")
    made.token.set_paused(True)
    return made


def reenters(scene):
    """Both sides' hooks try to settle another trade that both have signed."""
    made = asset(scene, "HookToken")
    other = scene.trade(nonce_word=99)
    for one in (maker, taker):
        hook = load("Reentrant")
        hook.arm(scene.settlement.address, scene.settle_calldata(other))
        made.token.set_hook(one.address, hook.address)
    made.disarm = lambda: scene.used(other) == 0 or pytest.fail("a hook has settled another trade")
    return made


def explodes(scene):
    made = asset(scene, "BombToken")
    made.token.set_permit_size(100_000)
    return made


def lies(scene):
    made = asset(scene, "LyingBalanceToken")
    liars = (taker.address, scene.settlement.address)
    made.arm = lambda: [made.token.set_lie(one, 77) for one in liars]
    made.disarm = lambda: [made.token.tell_truth(one) for one in liars]
    return made


ROWS = {
    "plain (USDC, DAI)": just("Token"),
    "returns nothing (USDT)": just("SilentToken"),
    "returns false when it cannot (ZRX, BAT)": returns_false,
    "has no code (destroyed, not deployed on this chain)": lambda _: Asset(None),
    "takes a fee (PAXG, STA)": takes_a_fee,
    "blacklists the giver (USDC, USDT)": blacklists(lambda _: maker),
    "blacklists the receiver": blacklists(lambda _: taker),
    "blacklists Settlement": blacklists(lambda scene: scene.settlement),
    "is paused": is_paused,
    "lets giver and receiver re-enter (ERC-777: imBTC)": reenters,
    "reverts with a huge payload": explodes,
    "burns all gas": just("GasBurnToken"),
    "swallows unknown calls (WETH9)": just("PhantomToken"),
    "lies about balances": lies,
}


# How each column is played: 300 of the token for 2 ether


def as_swap(scene, swap, _):
    return scene.take(swap)


def as_netting(scene, swap, _):
    return scene.settle_net(scene.quote(swap))


def as_leg(kind):
    return lambda scene, swap, _: scene.settle(trade_of(scene, swap, kind))


def as_batch_entry(scene, swap, _):
    beside = scene.trade(scene.leg(amount=1), nonce_mask=2)
    entries = scene.entry(trade_of(scene, swap)), scene.entry(beside)
    done = scene.batch(*entries, caps=3_000_000)
    assert scene.moved(scene.dollar, taker) == 1
    return done


def as_approved_leg(method):
    def play(scene, swap, made):
        trade = trade_of(scene, swap)
        if made.token is not None:
            scene.forbid(made.token, maker.address)
        return scene.settle(trade, approval(scene, trade, made, method))

    return play


def trade_of(scene: Scene, swap: Swap, kind: LegKind = LegKind.ERC20) -> Trade:
    given = scene.leg(token=swap.maker_token, kind=kind, amount=swap.maker_amount)
    return scene.trade(given, scene.leg(taker, maker, scene.ether, swap.taker_amount))


def approval(scene: Scene, trade: Trade, made: Asset, method: ApprovalMethod) -> Approval:
    """A token without signed approvals has no domain to sign for; another's serves."""
    leg, digest = trade.legs[0], scene.digest(trade)
    domain_of = made.token if hasattr(made.token, "DOMAIN_SEPARATOR") else scene.dollar
    if method is ApprovalMethod.ERC2612:
        return scene.permit(domain_of, maker, leg.amount)
    if method is ApprovalMethod.PERMIT2:
        return scene.permit2_approval(leg, maker, digest)
    return scene.authorization(domain_of, leg, maker, digest)


COLUMNS: dict[str, Callable[[Scene, Swap, Asset], Outcome]] = {
    "swap": as_swap,
    "ERC-20 leg": as_leg(LegKind.ERC20),
    "ERC-20 exact leg": as_leg(LegKind.ERC20_EXACT),
    "ERC-2612": as_approved_leg(ApprovalMethod.ERC2612),
    "Permit2": as_approved_leg(ApprovalMethod.PERMIT2),
    "ERC-3009": as_approved_leg(ApprovalMethod.ERC3009),
    "batch entry": as_batch_entry,
    "netting": as_netting,
}


def outcome_of(scene: Scene, row: str, column: str) -> str:
    """Play one cell and say what came of it, in the words of the table."""
    made = ROWS[row](scene)
    swap = scene.swap(maker_token=made.address, nonce=NETTABLE | 7)
    before = made.balances()
    made.arm()
    done = COLUMNS[column](scene, swap, made)
    gave, got = (after - was for after, was in zip(made.balances(), before, strict=True))
    paid = scene.moved(scene.ether, maker), scene.moved(scene.ether, taker)
    used = scene.swap_used(swap) or bool(scene.used(scene.trade()) & 1)
    missing = skipped(done).get(0)
    if done.settled and missing is None:
        assert used
        assert (gave, paid) == (-300, (2, -2))
        assert got in (300, 300 - FEE)
        return "settles" if got == 300 else "settles less the fee"
    assert not used
    assert (gave, got, paid) == (0, 0, (0, 0))
    return missing or told(done)


def test_the_table_has_every_case_that_is_played_and_no_other():
    assert set(CELLS) == {(row, column) for row in ROWS for column in COLUMNS}


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_token_does_what_the_table_says(scene, row, column):
    assert outcome_of(scene, row, column) == CELLS[row, column]
