"""What margin accounts need: receipts of margin checks, option trades and refreshes, every one from cold storage."""

from dataclasses import dataclass, field
from typing import Any

import rlp
from eth_utils import keccak
from web3 import Web3
from web3.contract import Contract

from benchmarks.oracle import Bench as Prices
from benchmarks.oracle import flat_slice
from benchmarks.ours import Bench as Trades
from benchmarks.scene import ETHER, deploy, send, stage
from peersettle.chain import artifact
from peersettle.reports import Feed, SurfaceReport, signatures_to_abi
from peersettle.trades import Leg, LegKind
from peersettle.types import Address

MARKET = 0
SPOT = 3_000
DAY = 86_400
FIRST_EXPIRY = 1_704_096_000
CALL, PUT, FORWARD = range(3)
PREMIUM = 100 * ETHER
LOT = 10**16
PARAMETERS = (
    (13_107, 16),  # scan: 20 % in logarithm
    (1_311, 16),  # band: 2 %
    (22_938, 16),  # shock: 35 %
    (328, 16),  # basis: 0.5 %
    (1_300, 16),
    (6_554, 16),
    (10**9, 40),
    (10**5, 40),
    (3_600, 16),
    (7_200, 16),
    (3_600, 16),
    (5_000, 24),
)


@dataclass
class Bench:
    """The ledger and what stands around it, with one market on prices that three reporters sign."""

    w3: Web3
    prices: Prices = field(init=False)
    trades: Trades = field(init=False)

    def __post_init__(self) -> None:
        self.scene = stage(self.w3)
        self.trades = Trades(self.scene)
        self.prices = Prices(self.w3, 3)
        self.sender = self.scene.relayer
        cash, token = self.scene.taker_token, self.scene.maker_token
        self.parameters = self.deploy("Parameters", self.sender.address, 3_600, 3_600)
        oracle, settlement = self.prices.contract.address, self.trades.settlement.address
        nonce = self.w3.eth.get_transaction_count(self.sender.address)
        pool, risk, auction, ledger = (created(self.sender.address, nonce + place) for place in range(4))
        self.pool = self.deploy("Backstop", ledger, auction, cash.address)
        self.risk = self.deploy("Risk", ledger, oracle, self.parameters.address, pool, auction)
        self.auction = self.deploy("Auction", ledger, risk, pool)
        self.ledger = self.deploy("Ledger", settlement, risk, self.parameters.address, pool, auction, cash.address)
        assert [item.address for item in (self.pool, self.risk, self.auction, self.ledger)] == [
            pool,
            risk,
            auction,
            ledger,
        ]
        self.spot = Feed("ETH/USD", slot=60, max_age=3_600)
        self.smile = Feed("ETH-SURFACE", slot=60, max_age=7_200)
        packed = place_fields(PARAMETERS)
        self.prices.step()
        terms = (self.spot.id, self.smile.id, token.address, 1, LOT, ETHER)
        send(self.w3, self.sender, self.parameters.functions.propose_market(terms, packed))
        self.prices.step(3_660)
        send(self.w3, self.sender, self.parameters.functions.activate(MARKET))
        today = (self.prices.time - FIRST_EXPIRY) // DAY
        self.days = [today + 14, today + 45]
        self.options = [series(self.days[i // 16], 2_600 + 50 * (i % 16), i % 2) for i in range(32)]
        self.publish()

    def deploy(self, name: str, *arguments: Any) -> Contract:
        found = artifact(name)
        return deploy(self.w3, self.sender, list(found.abi), "0x" + found.bytecode.hex(), *arguments)

    def publish(self, spot: int = SPOT) -> None:
        """A round of the price and a surface of both expiries."""
        self.prices.update(self.spot, spot)
        slot = self.prices.step()
        slices = tuple(
            flat_slice(FIRST_EXPIRY + day * DAY, weeks) for day, weeks in zip(self.days, (2, 6), strict=True)
        )
        report = SurfaceReport(self.smile, slices, slot)
        words, others = signatures_to_abi(self.prices.reporters, self.prices.signed(report))
        call = self.prices.contract.functions.update_surface(
            self.smile.id, slot, [item.packed for item in slices], words, others
        )
        send(self.w3, self.prices.sender, call)
        self.prices.update(self.spot, spot)

    def refresh(self, wanted: list[int]) -> int:
        """Gas of computing these arrays."""
        return int(send(self.w3, self.sender, self.risk.functions.refresh(MARKET, sorted(wanted)))["gasUsed"])

    def fund(self, amount: int) -> None:
        """Both parties deposit cash; a part of it stands behind the accounts."""
        for party in (self.scene.maker, self.scene.taker):
            self.deposited = self.deposit(party, amount)
        send(self.w3, self.scene.taker, self.pool.functions.deposit(amount // 10, self.scene.taker.address))

    def deposit(self, party: Any, amount: int, sub_account: int = 0) -> int:
        """Gas of bringing cash to an account of a party."""
        call = self.trades.settlement.functions.deposit(
            self.ledger.address, account(party.address) | sub_account, self.scene.taker_token.address, amount, []
        )
        return int(send(self.w3, party, call)["gasUsed"])

    def position(self, item: int, lots: int, sub_account: int = 0) -> Leg:
        """The maker gives lots of a series to the taker; negative lots the other way round."""
        parties = (self.scene.maker, self.scene.taker)
        giver, receiver = parties if lots > 0 else parties[::-1]
        return Leg(
            Address(giver.address),
            Address(receiver.address),
            LegKind.POSITION,
            Address(self.ledger.address),
            MARKET << 36 | item,
            abs(lots) | sub_account << 64 | sub_account << 160,
        )

    def premium(self) -> Leg:
        """What the taker pays the maker, from wallet to wallet."""
        token = Address(self.scene.taker_token.address)
        return Leg(
            Address(self.scene.taker.address), Address(self.scene.maker.address), LegKind.ERC20, token, 0, PREMIUM
        )

    def trade(self, *legs: Leg) -> int:
        """Gas of a trade that both have signed and a third party sends."""
        document = self.trades.trade(legs, (self.scene.maker, self.scene.taker))
        return int(self.trades.settle(document, self.sender)["gasUsed"])

    def check(self, owner: str) -> int:
        """Execution gas of a margin check: the receipt less 21,000 and the calldata."""
        call = self.ledger.functions.health(account(owner))
        assert call.call()[0] > 0
        data = bytes.fromhex(call._encode_transaction_data()[2:])
        return int(send(self.w3, self.sender, call)["gasUsed"]) - 21_000 - sum(16 if byte else 4 for byte in data)


def created(deployer: str, nonce: int) -> str:
    """Where a contract of this sender will be."""
    return str(Web3.to_checksum_address(keccak(rlp.encode([bytes.fromhex(deployer[2:]), nonce]))[12:]))


def place_fields(fields: tuple[tuple[int, int], ...]) -> int:
    """Pack (number, bits) from the low end."""
    word, place = 0, 0
    for number, bits in fields:
        word |= number << place
        place += bits
    return word


def series(day: int, strike: int, kind: int) -> int:
    return day << 22 | strike << 2 | kind


def account(owner: str) -> int:
    return int(owner, 16) << 96


def measure(w3: Web3) -> dict[str, int]:
    """Gas by name."""
    bench = Bench(w3)
    gas: dict[str, int] = {}
    for start in range(0, 32, 8):
        bench.refresh(bench.options[start : start + 8])
    bench.fund(10**6 * ETHER)
    gas["deposit"] = bench.deposited
    # Four positions each, one of them common to both, as traders have them.
    mine = bench.options
    bench.trade(*(bench.position(mine[i], lots) for i, lots in enumerate((500, -300, 200, 100))), bench.premium())
    bench.trade(bench.position(mine[0], 100), bench.premium())
    gas["option_trade"] = bench.trade(bench.position(mine[0], 100), bench.premium())
    gas["option_trade_new_series"] = bench.trade(bench.position(mine[20], 100), bench.premium())
    gas["option_trade_second_new_series"] = bench.trade(bench.position(mine[22], 100), bench.premium())
    gas["option_trade_ledger_cash"] = bench.trade(
        bench.position(mine[0], 100),
        Leg(
            Address(bench.scene.taker.address),
            Address(bench.scene.maker.address),
            LegKind.POSITION,
            Address(bench.ledger.address),
            1 << 42,
            100 * 10**6,
        ),
    )
    bench.trade(*(bench.position(item, 137 * (-1) ** (i // 2)) for i, item in enumerate(mine[4:16])))
    bench.trade(bench.position(mine[20], -100), bench.position(mine[22], -100))
    gas["margin16_cold"] = bench.check(bench.scene.maker.address)
    bench.trade(*(bench.position(item, 137 * (-1) ** (i // 2)) for i, item in enumerate(mine[16:32])))
    gas["margin32_cold"] = bench.check(bench.scene.maker.address)
    gas["margin_per_position_cold"] = -(-(gas["margin32_cold"] - gas["margin16_cold"]) // 16)
    # A moved price begins an epoch; then every word is there and stale.
    for _ in range(4):
        bench.prices.update(bench.spot, SPOT * 103 // 100)
    assert bench.prices.contract.functions.read(bench.spot.id).call()[3] == 0, "the move is not confirmed"
    gas["refresh_new_epoch"] = bench.refresh(mine[:1])
    gas["refresh"] = bench.refresh(mine[1:2])
    gas["refresh_batched"] = -(-bench.refresh(mine[2:10]) // 8)
    gas["withdraw"] = 0
    for start in range(10, 32, 11):
        bench.refresh(mine[start : start + 11])
    bench.refresh(mine[:1])
    cash = bench.scene.taker_token.address
    owner = bench.scene.taker
    call = bench.ledger.functions.withdraw(account(owner.address), cash, ETHER, owner.address)
    gas["withdraw"] = int(send(w3, owner, call)["gasUsed"])
    return gas


if __name__ == "__main__":
    from web3 import HTTPProvider

    from peersettle.chain import Anvil

    with Anvil() as anvil:
        for name, figure in measure(Web3(HTTPProvider(anvil.url))).items():
            print(f"{name:32} {figure:9,}")
