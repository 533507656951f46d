"""What the Oracle needs: a receipt for each kind of update, in steady state, from cold storage."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from web3 import Web3
from web3.contract import Contract
from web3.types import RPCEndpoint

from benchmarks.rates import best
from benchmarks.scene import deploy, send
from peersettle.chain import artifact
from peersettle.pricing import fit_surface, read_chain
from peersettle.reports import (
    Batch,
    CoSigned,
    Feed,
    Observation,
    OracleDomain,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    SurfaceReport,
    SurfaceSlice,
    digest,
    report_digest,
    signatures_to_abi,
)
from peersettle.signing import KeySigner
from peersettle.types import Address, keccak

SLOT = 60
START = 1_900_000_200  # a multiple of 300, far from the chain's genesis
FEEDS = 20
STEWARD = "0x" + "57" * 20
DAY = 86_400
CHAIN = Path(__file__).parents[2] / "shared" / "data" / "options" / "ETH_chain_2024-01-08.csv"
RING = 2048
WAD = 10**18


@dataclass
class Bench:
    """An Oracle with n reporters of which k make a round."""

    w3: Web3
    threshold: int

    def __post_init__(self) -> None:
        self.draw = random.Random(self.threshold)
        count = self.threshold + (self.threshold - 1) // 2
        keys = [KeySigner(bytes(keccak(f"bench reporter {i}".encode()))) for i in range(count)]
        self.keys = {key.address: key for key in keys}
        self.reporters = ReporterSet.of(self.threshold, self.keys)
        self.sender = Account.from_key(bytes(keccak(b"bench submitter")))
        self.w3.provider.make_request(RPCEndpoint("anvil_setBalance"), [self.sender.address, hex(10**22)])
        oracle = artifact("Oracle")
        arguments = (STEWARD, 7 * DAY, self.threshold, list(self.reporters.members))
        self.contract: Contract = deploy(
            self.w3, self.sender, list(oracle.abi), "0x" + oracle.bytecode.hex(), *arguments
        )
        self.domain = OracleDomain(self.w3.eth.chain_id, Address(self.contract.address))
        self.time = max(START, int(self.w3.eth.get_block("latest")["timestamp"]) // 300 * 300 + 300)

    def step(self, seconds: int = SLOT) -> int:
        """The next slot; the block that takes it is 20 s later."""
        self.time += seconds
        self.w3.provider.make_request(RPCEndpoint("evm_setNextBlockTimestamp"), [self.time + 20])
        return self.time

    def value(self, middle: int) -> int:
        """A price near the middle, to the sixth decimal, as tickers give them."""
        return round(middle * self.draw.uniform(0.999, 1.001) * 10**6) * 10**12

    def update(self, feed: Feed, middle: int, seconds: int = SLOT) -> int:
        """Gas of one round."""
        slot = self.step(seconds)
        reports = []
        for member in self.draw.sample(self.reporters.members, self.threshold):
            report = Report(feed, self.value(middle), slot)
            signature = self.keys[member].sign_digest(report_digest(self.domain, report))
            reports.append(SignedReport(self.domain, report, member, signature))
        call = self.contract.functions.update(*Round.of(self.reporters, reports).to_abi())
        return int(send(self.w3, self.sender, call)["gasUsed"])

    def batch(self, feeds: list[Feed]) -> int:
        """Gas of one slot of many feeds."""
        slot = self.step()
        batch = Batch(tuple(Observation(feed, self.value(100 + i), 7) for i, feed in enumerate(feeds)), slot)
        words, others = signatures_to_abi(self.reporters, self.signed(batch))
        call = self.contract.functions.update_batch(slot, batch.items, words, others)
        return int(send(self.w3, self.sender, call)["gasUsed"])

    def surface(self, feed: Feed, expiries: int) -> int:
        """Gas of a surface of so many expiries, free of arbitrage."""
        slot = self.step()
        slices = tuple(flat_slice(slot + (i + 1) * 7 * DAY, i + 1) for i in range(expiries))
        report = SurfaceReport(feed, slices, slot)
        words, others = signatures_to_abi(self.reporters, self.signed(report))
        packed = [item.packed for item in slices]
        call = self.contract.functions.update_surface(feed.id, slot, packed, words, others)
        return int(send(self.w3, self.sender, call)["gasUsed"])

    def signed(self, message: Batch | SurfaceReport) -> CoSigned:
        """The message with every reporter's signature."""
        hashed = digest(self.domain, message)
        return CoSigned(self.domain, message, {who: key.sign_digest(hashed) for who, key in self.keys.items()})


def flat_slice(expiry: int, weeks: int) -> SurfaceSlice:
    """A smile of 60 % with a skew, its total variance in proportion to time."""
    w = round(0.36 * weeks / 52 * 10**9)
    return SurfaceSlice(expiry, w // 2, w, -200_000_000, 0, 500_000_000, 10**9)


def measure(w3: Web3) -> dict[str, int]:
    """Gas by name. `oracle_k5_checkpoint` also writes one of the marks of fixings, as one round in each 300 s does."""
    gas: dict[str, int] = {}
    feed = Feed("ETH/USD", slot=SLOT, max_age=600)
    for threshold in (3, 5, 9):
        bench = Bench(w3, threshold)
        for _ in range(3):
            bench.update(feed, 2_000)
        gas[f"oracle_k{threshold}"] = bench.update(feed, 2_000)
        if threshold != 5:
            continue
        bench.time = -(-(bench.time + 2 * SLOT) // 300) * 300 - 2 * SLOT
        bench.update(feed, 2_000)
        gas["oracle_k5_first_checkpoint"] = bench.update(feed, 2_000)
        # Seven days on the ring goes round, and the word is in use.
        bench.time += RING * 300 - 3 * SLOT
        for _ in range(2):
            bench.update(feed, 2_000)
        gas["oracle_k5_checkpoint"] = bench.update(feed, 2_000)
        gas["oracle_k5_first_candidate"] = bench.update(feed, 3_000)
        gas["oracle_k5_confirmed"] = bench.update(feed, 3_000)
        gas["oracle_k5_candidate"] = bench.update(feed, 4_000)
        bench.update(feed, 4_000)
        feeds = [Feed(f"F{i}/USD", slot=SLOT, max_age=600) for i in range(FEEDS)]
        bench.time += -bench.time % 300
        bench.batch(feeds)
        gas[f"oracle_batch{FEEDS}_k5"] = bench.batch(feeds)
        surface = Feed("ETH-SURFACE", slot=SLOT, max_age=600)
        bench.surface(surface, 8)
        gas["oracle_surface8_k5"] = bench.surface(surface, 8)
        gas["twap_read"] = read_gas(bench, feed)
    return gas


def read_gas(bench: Bench, feed: Feed) -> int:
    """Execution gas of a 30-minute average from cold storage: the receipt less 21,000 and the calldata."""
    start = bench.time + 300 - bench.time % 300
    bench.time = start - SLOT
    for _ in range(33):
        bench.update(feed, 4_000)
    call = bench.contract.functions.twap(feed.id, start, start + 1800)
    assert call.call() > 0
    data = bytes.fromhex(call._encode_transaction_data()[2:])
    receipt = send(bench.w3, bench.sender, call)
    return int(receipt["gasUsed"]) - 21_000 - sum(16 if byte else 4 for byte in data)


def rates() -> dict[str, float]:
    """Reports that one core signs and verifies in a second; seconds for a surface of eleven expiries, best of three."""
    key = KeySigner(bytes(keccak(b"bench reporter 0")))
    domain = OracleDomain(31337, Address("0x" + "0a" * 20))
    feed = Feed("ETH/USD", slot=1)
    numbers = iter(range(10**9))

    def work() -> None:
        report = Report(feed, 2_000 * WAD + next(numbers), 1_900_000_000)
        signature = key.sign_digest(report_digest(domain, report))
        SignedReport(domain, report, key.address, signature).verify()

    speed: dict[str, float] = {"rate.reports_signed_verified_per_s": round(best(work))}
    if CHAIN.exists():
        chain = read_chain(CHAIN.read_text())
        times = []
        for _ in range(3):
            began = time.perf_counter()
            fitted = fit_surface(chain)
            times.append(time.perf_counter() - began)
        speed["s.surface_fit_11_expiries"] = round(min(times), 3)
        speed["vol_points.surface_fit_median_rms"] = round(fitted.median_error, 3)
    return speed
