"""The table of wallets in `docs/reference/tokens.md`, cell by cell: the documentation is the expectation."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.contracts.mocks import GarbageMode, load
from tests.contracts.unit.scene import Outcome, Scene, approve, broker, delegate, maker, taker
from tests.contracts.unit.tables import skipped, table, told

from peersettle.trades import NETTABLE, Quote, Swap, Trade
from peersettle.types import Hash32

CELLS = table("Wallets")


@dataclass
class Maker:
    """A maker's account and its signature in the form that it needs; `short` is what 64 bytes can hold."""

    address: str
    long: Callable[[Hash32], bytes] = lambda digest: maker.sign(digest).to_bytes()

    @staticmethod
    def short(digest: Hash32):
        return maker.sign(digest)


def one_owner():
    return Maker(load("Wallet", maker.address).address)


def two_owners():
    def both(digest):
        return maker.sign(digest).to_bytes() + broker.sign(digest).to_bytes()

    return Maker(load("MultisigWallet", maker.address, broker.address).address, both)


def delegated(*code):
    def make():
        delegate(maker.address, load(*code))
        return Maker(maker.address)

    return make


def garbage(mode):
    return lambda: Maker(load("GarbageWallet", mode).address)


ROWS = {
    "plain key": lambda: Maker(maker.address),
    "contract wallet (ERC-1271), one owner": one_owner,
    "contract wallet, two owners (130 bytes)": two_owners,
    "EIP-7702 account, code without ERC-1271": delegated("NFT"),
    "EIP-7702 account, code with ERC-1271": delegated("Wallet", maker.address),
    "ERC-1271 that says yes to everything": garbage(GarbageMode.VALID),
    "ERC-1271 that answers another word": garbage(GarbageMode.WRONG_MAGIC),
    "ERC-1271 that answers the magic word and dirt": garbage(GarbageMode.DIRTY_MAGIC),
    "ERC-1271 that answers nothing": garbage(GarbageMode.NOTHING),
    "ERC-1271 that answers the magic word and another": garbage(GarbageMode.SIXTY_FOUR_BYTES),
    "ERC-1271 that answers the magic word and 100 kB": garbage(GarbageMode.HUGE),
    "ERC-1271 that answers one": garbage(GarbageMode.ONE),
    "ERC-1271 that reverts": garbage(GarbageMode.REVERT),
    "ERC-1271 that burns all gas": garbage(GarbageMode.BURN_GAS),
}


def as_swap(scene, swap, wallet):
    return scene.take(swap, wallet.short(scene.digest(swap)))


def as_swap_approved(scene, swap, wallet):
    return scene.swap_approved(swap, makers=wallet.long(scene.digest(swap)))


def as_trade(scene, swap, wallet):
    trade = trade_of(scene, swap)
    return scene.settle(trade, signed=signed(scene, trade, wallet))


def as_permit2_leg(scene, swap, wallet):
    trade = trade_of(scene, swap)
    scene.forbid(scene.dollar, wallet.address)
    approve(scene.dollar, wallet.address, scene.permit2.address)
    made = scene.permit2_approval(trade.legs[0], maker, scene.digest(trade))
    return scene.settle(trade, made, signed=signed(scene, trade, wallet))


def as_batch_entry(scene, swap, wallet):
    trade = trade_of(scene, swap)
    beside = scene.trade(scene.leg(taker, broker, amount=1), parties=(taker, broker))
    entries = scene.entry(trade, signed=signed(scene, trade, wallet)), scene.entry(beside)
    done = scene.batch(*entries, caps=3_000_000)
    assert scene.moved(scene.dollar, broker) == 1
    return done


def as_netting(scene, swap, wallet):
    digest = scene.digest(swap)
    by_taker = taker.sign(digest).to_bytes()
    return scene.settle_net(Quote(scene.domain, swap, wallet.short(digest).to_bytes(), by_taker))


def trade_of(scene: Scene, swap: Swap) -> Trade:
    return scene.trade(*swap.legs(), parties=(swap.maker, swap.taker))


def signed(scene: Scene, trade: Trade, wallet: Maker) -> list[bytes]:
    digest = scene.digest(trade)
    by_taker = taker.sign(digest).to_bytes()
    return [by_taker if party == taker.address else wallet.long(digest) for party in trade.parties]


COLUMNS: dict[str, Callable[[Scene, Swap, Maker], Outcome]] = {
    "swap": as_swap,
    "swap with long signatures": as_swap_approved,
    "trade": as_trade,
    "Permit2": as_permit2_leg,
    "batch entry": as_batch_entry,
    "netting": as_netting,
}


def outcome_of(scene: Scene, row: str, column: str) -> str:
    """Play one cell and say what came of it, in the words of the table."""
    wallet = ROWS[row]()
    if wallet.address != maker.address:
        scene.fund(scene.dollar, wallet.address)
    swap = scene.swap(maker=wallet.address, nonce=NETTABLE | 7)
    done = COLUMNS[column](scene, swap, wallet)
    used = scene.swap_used(swap) or scene.used(trade_of(scene, swap)) != 0
    missing = skipped(done).get(0)
    settles = done.settled and missing is None
    moved = (300, 2) if settles else (0, 0)
    assert (-scene.moved(scene.dollar, wallet.address), -scene.moved(scene.ether, taker)) == moved
    assert used == settles
    return "settles" if settles else missing or told(done)


def test_the_table_has_every_case_that_is_played_and_no_other():
    assert set(CELLS) == {(row, column) for row in ROWS for column in COLUMNS}


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_wallet_does_what_the_table_says(scene, row, column):
    assert outcome_of(scene, row, column) == CELLS[row, column]
