"""The demo's oracle: three reporters of which one lies, a bad tick that never counts, and a crash that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peersettle.cli.demo_world import Deviation, World
from peersettle.errors import InputError, NoQuorum, Reverted
from peersettle.reports import (
    CoSigned,
    Feed,
    Report,
    ReporterSet,
    Round,
    SignedReport,
    SurfaceReport,
    digest,
    report_digest,
)
from peersettle.signing import KeySigner
from peersettle.types import from_units, to_units

if TYPE_CHECKING:
    from peersettle.bindings import Oracle, Reading
    from peersettle.chain import Receipt
    from peersettle.types import Address

FEED: Final = Feed("ETH/USD", slot=15, max_age=120)
REPORTERS: Final = 4
"""Three make a round and tolerate one liar; the fourth is silent throughout, and is not missed."""


@dataclass(frozen=True, slots=True)
class Told:
    """One round: what was reported, by the liar last, and what the contract says now. Prices as decimal text."""

    what: str
    reported: tuple[str, ...]
    confirmed: str
    candidate: str | None
    gas: int

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "what": self.what,
            "reported": list(self.reported),
            "confirmed": self.confirmed,
            "candidate": self.candidate,
            "gas": self.gas,
        }


def play(world: World) -> tuple[Stage, list[Told], str]:
    """Deploy an Oracle and report to it; the stage, the rounds, and what it said to a round of two.

    Raises:
        Deviation: a value is not what it must be.
    """
    from peersettle.bindings import Oracle
    from peersettle.chain import deploy_oracle

    keys = {key.address: key for key in (KeySigner.random() for _ in range(REPORTERS))}
    reporters = ReporterSet.of(3, keys)
    sender = world.peers["broker"].sender
    world.deployment = deploy_oracle(world.chain, sender, world.deployment, reporters, directory=world.directory)
    oracle = Oracle(world.chain, world.deployment)
    stage = Stage(world, oracle, reporters, keys)
    rounds = [
        stage.round("a quiet round, one reporter lying", ("2501.10", "2500.40"), "25000", confirmed="2501.10"),
        stage.round("the liar says nothing is worth anything", ("2502.00", "2501.70"), "0.01", confirmed="2501.70"),
        stage.round(
            "a bad tick: all see a tenth for a moment", ("250.10", "250.20"), "250", "2501.70", candidate="250.10"
        ),
        stage.round("it is gone in the next round", ("2502.30", "2502.20"), "250", confirmed="2502.20"),
        stage.round("a crash", ("2100.00", "2101.00"), "2502", confirmed="2502.20", candidate="2101.00"),
        stage.round("which the next round confirms", ("2050.00", "2051.00"), "2502", confirmed="2101.00"),
    ]
    return stage, rounds, stage.round_of_two()


@dataclass
class Stage:
    """An Oracle and the keys of its reporters, which never leave this process."""

    world: World
    oracle: Oracle
    reporters: ReporterSet
    keys: dict[Address, KeySigner]

    def confirm(self, price: str) -> Receipt:
        """One round in which all three say the same."""
        made = Round.of(self.reporters, self._reports((price, price, price)))
        receipt = self.world.peers["broker"].sender.send(self.oracle.update(made))
        self._assert("a quiet round", self.oracle.read(FEED), price, None)
        return receipt

    def cosign(self, surface: SurfaceReport) -> CoSigned:
        """A surface that all reporters have fitted alike."""
        domain = self.oracle.domain
        hashed = digest(domain, surface)
        return CoSigned(domain, surface, {who: key.sign_digest(hashed) for who, key in self.keys.items()})

    def round(self, what: str, honest: tuple[str, str], lie: str, confirmed: str, candidate: str | None = None) -> Told:
        """One round, and what the contract must say after it."""
        prices = (*honest, lie)
        made = Round.of(self.reporters, self._reports(prices))
        receipt = self.world.peers["broker"].sender.send(self.oracle.update(made))
        reading = self.oracle.read(FEED)
        self._assert(what, reading, confirmed, candidate)
        shown = from_units(reading.candidate, 18) if reading.candidate else None
        return Told(what, prices, from_units(reading.value, 18), shown, receipt.gas_used)

    def round_of_two(self) -> str:
        """Two reports, honest ones even, are no round: neither here nor for the contract."""
        two = self._reports(("2101.00", "2100.90"))
        try:
            Round.of(self.reporters, two)
        except InputError:
            pass
        else:
            raise Deviation("two reports have made a round of three")
        # Past our own check: the arguments as somebody who does not use it would send them.
        three = Round.of(self.reporters, self._reports(("2101.00", "2100.90", "2100.80")))
        feed, time, words, others = three.to_abi()
        missing = three.reports[0].reporter
        words, others = words[1:], [*others, int(missing, 16) | self.reporters.index(missing) << 160]
        call = self.oracle.raw_update(feed, time, words, others)
        try:
            self.world.chain.simulate(call, self.world.peers["broker"].address)
        except NoQuorum as error:
            return str(error.reason)
        except Reverted as error:
            raise Deviation(f"a round of two was refused for another reason: {error.message}") from None
        raise Deviation("the contract would take a round of two")

    def _reports(self, prices: tuple[str, ...]) -> list[SignedReport]:
        from peersettle.chain import advance_time

        advance_time(self.world.chain, FEED.slot)
        slot = FEED.slot_of(self.world.chain.now())
        reports = []
        for reporter, price in zip(self.keys, prices, strict=False):
            report = Report(FEED, to_units(price, 18), slot)
            signature = self.keys[reporter].sign_digest(report_digest(self.oracle.domain, report))
            reports.append(SignedReport(self.oracle.domain, report, reporter, signature))
        return reports

    def _assert(self, what: str, reading: Reading, confirmed: str, candidate: str | None) -> None:
        wanted = (to_units(confirmed, 18), to_units(candidate, 18) if candidate else 0)
        if (reading.value, reading.candidate) != wanted:
            raise Deviation(f"{what}: the contract says {reading.value}, candidate {reading.candidate}, not {wanted}")
