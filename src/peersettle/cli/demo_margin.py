"""The demo's margin accounts: a call against a premium and a forward, margined, and settled at their expiry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from peersettle.cli.demo_nodes import Nodes, Traded
from peersettle.cli.demo_oracle import FEED, Stage
from peersettle.cli.demo_scenes import Gas
from peersettle.cli.demo_world import Deviation, Peer, World
from peersettle.reports import Feed, SurfaceReport, SurfaceSlice
from peersettle.rfq import Asset, Item
from peersettle.risk.instruments import Instrument, Kind, expiry, next_day
from peersettle.risk.parameters import MarketTerms, RiskParameters
from peersettle.trades import LegKind
from peersettle.types import WAD, Account, from_units, to_units

if TYPE_CHECKING:
    from peersettle.bindings import MarginDesk
    from peersettle.chain import Receipt

SURFACE: Final = Feed("ETH/USD-VOL", slot=300, max_age=900, jump_cap=200_000)
PARAMETERS: Final = RiskParameters.from_percentages(
    scan="20",
    band="2",
    shock="35",
    basis="0.5",
    initial_factor="130",
    risk_rate="10",
    risk_scale=1_000_000_000,
    gain_cap=1_000_000,
    spot_age=120,
    surface_age=3_600,
    epoch_age=1_800,
    position_charge="0.5",
)
PRICE, FIXING, STRIKE = "2101", "2200", 2_100
VOLATILITY: Final = 0.8
CALLS, FORWARDS = "10", "5"
DEPOSITS: Final = {"maker": (("USDC", "20000"), ("WETH", "4")), "taker": (("USDC", "20000"),)}
POOL: Final = "2000000"
_HOUR: Final = 3_600
_YEAR: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Margin:
    """One account after a trade: wad of settlement currency."""

    who: str
    cash: int
    equity: int
    maintenance: int
    initial: int


@dataclass(frozen=True, slots=True)
class Told:
    """What happened: instruments, margins, fixing, and what each account took out in the end."""

    ledger: str
    instruments: tuple[str, str]
    trades: dict[str, Traded]
    margins: tuple[Margin, ...]
    fixing: str
    paid_out: dict[str, str]
    gas: list[Gas]

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ledger": self.ledger,
            "instruments": list(self.instruments),
            "margins": [
                {
                    "peer": item.who,
                    "equity": from_units(item.equity, 18),
                    "maintenance": from_units(item.maintenance, 18),
                    "initial": from_units(item.initial, 18),
                }
                for item in self.margins
            ],
            "fixing": self.fixing,
            "paid_out": self.paid_out,
        }


def play(world: World, stage: Stage) -> Told:
    """Open two accounts, trade, look, and settle.

    Raises:
        Deviation: an account has something else than it must have.
    """
    with Nodes(world, strategy="spread") as nodes:  # they load while the contracts are deployed
        scene = _Scene(world, stage, _deploy(world, stage))
        maker, taker = world.peers["maker"], world.peers["taker"]
        scene.open_accounts()
        call, forward = scene.instruments()
        lots = (scene.market.to_lots(CALLS), scene.market.to_lots(FORWARDS))
        nodes.listen((call, forward))
        trades = {
            "call": scene.trade(nodes, "call-against-premium", call, lots[0], buy=True),
            "forward": scene.trade(nodes, "forward", forward, lots[1], buy=False),
        }
    margins = tuple(scene.margin(peer) for peer in (maker, taker))
    settled = scene.expire(call.day)
    fixing = scene.desk.risk.fixing(0, call.day)
    scene.assert_settled(fixing, lots)
    gas = [
        Gas("call against a premium, series new", trades["call"].receipt.gas_used),
        Gas("forward", trades["forward"].receipt.gas_used),
        Gas("two accounts settled at expiry", settled.gas_used),
    ]
    ledger = scene.desk.ledger.address
    return Told(ledger, (call.name, forward.name), trades, margins, from_units(fixing, 18), scene.pay_out(), gas)


def smile(when: int, now: int, volatility: float = VOLATILITY) -> SurfaceSlice:
    """A smile with this volatility at the money, for an expiry."""
    years = (when - now) / _YEAR
    slope, curvature = 0.2 * math.sqrt(years) * volatility, 0.3
    level = volatility**2 * years - slope * curvature
    numbers = (round(number * 1e9) for number in (level, slope, -0.1, 0.0, curvature, 1.002))
    return SurfaceSlice(when, *numbers)


def _deploy(world: World, stage: Stage) -> MarginDesk:
    """The contracts, with the broker as steward, and the one market."""
    from peersettle.bindings import MarginDesk
    from peersettle.chain import advance_time, deploy_margin

    broker, tokens = world.peers["broker"], world.tokens
    world.deployment = deploy_margin(
        world.chain,
        broker.sender,
        world.deployment,
        tokens["USDC"].address,
        steward=broker.address,
        delay=_HOUR,
        ramp=_HOUR,
        directory=world.directory,
    )
    desk = MarginDesk(world.chain, world.deployment)
    weth = tokens["WETH"]
    terms = MarketTerms.of(FEED.id, SURFACE.id, lot="0.01", tick="1", token=weth.address, decimals=weth.decimals)
    broker.sender.send(desk.parameters.propose_market(terms, PARAMETERS))
    advance_time(world.chain, _HOUR + 1)
    broker.sender.send(desk.parameters.activate(0))
    stage.confirm(PRICE)
    _back(world)
    return desk


def _back(world: World) -> None:
    """The broker puts cash behind the accounts: what the pool has bounds how far gains in one market margin another."""
    from peersettle.bindings import Backstop, Token

    broker, deployment = world.peers["broker"], world.deployment
    if deployment.ledger is None:
        raise Deviation("there are no margin accounts")
    usdc, units = Token(world.chain, world.tokens["USDC"].address), to_units(POOL, 6)
    for call in (
        usdc.mint(broker.address, units),
        usdc.approve(world.settlement.address, units),
        world.settlement.deposit(deployment.ledger, Account(broker.address), usdc.address, units),
        Backstop(world.chain, deployment).deposit(units, broker.address),
    ):
        broker.sender.send(call)


class _Scene:
    def __init__(self, world: World, stage: Stage, desk: MarginDesk) -> None:
        self.world, self.stage, self.desk = world, stage, desk
        self.market = desk.markets[0]

    def open_accounts(self) -> None:
        for name, amounts in DEPOSITS.items():
            peer, account = self.world.peers[name], Account(self.world.peers[name].address)
            for symbol, amount in amounts:
                token = self.world.tokens[symbol]
                units = to_units(amount, token.decimals)
                ledger = self.desk.ledger.address
                peer.sender.send(self.world.settlement.deposit(ledger, account, token.address, units))
                self.world.expected[name, symbol] -= units
        self.world.assert_balances()

    def instruments(self) -> tuple[Instrument, Instrument]:
        """A call and a forward of a week, on a surface that is quoted now."""
        day = next_day(self.world.chain.now()) + 7
        slot = SURFACE.slot_of(self.world.chain.now())
        report = SurfaceReport(SURFACE, (smile(expiry(day), slot),), slot)
        signed = self.stage.cosign(report)
        broker = self.world.peers["broker"].sender
        broker.send(self.desk.oracle.update_surface(signed, self.stage.reporters))
        return Instrument(self.market, day, STRIKE, Kind.CALL), Instrument(self.market, day, STRIKE, Kind.FORWARD)

    def trade(self, nodes: Nodes, name: str, instrument: Instrument, lots: int, *, buy: bool) -> Traded:
        """Agreed between the nodes, sent by the taker's; what is stale is refreshed in the same transaction."""
        taker, chain = self.world.peers["taker"].address, self.world.chain
        asset = Asset(LegKind.POSITION, self.desk.ledger.address, instrument.move_id)
        before = chain.nonce(taker)
        traded = nodes.trade(name, nodes.request(Item(asset, lots, buy)))
        if chain.nonce(taker) != before + 1:
            raise Deviation("a trade that all have signed took more than one transaction")
        return traded

    def margin(self, peer: Peer) -> Margin:
        account = Account(peer.address)
        health = self.desk.ledger.health(account)
        if health.equity < health.initial:
            raise Deviation(f"{peer.name} trades below its initial margin")
        cash = self.desk.ledger.head(account).cash
        return Margin(peer.name, cash, health.equity, health.maintenance, health.initial)

    def expire(self, day: int) -> Receipt:
        """Half an hour of prices, then the fixing, then both accounts; a receiver twice, since payers come first."""
        from peersettle.chain import advance_time

        chain, broker = self.world.chain, self.world.peers["broker"]
        for time in range(expiry(day) - 1_350, expiry(day) + 1, 150):
            advance_time(chain, time - FEED.slot - chain.block().timestamp)
            self.stage.confirm(FIXING)
        accounts = [Account(self.world.peers[name].address) for name in DEPOSITS]
        call, fix = self.desk.ledger.expire([*accounts, *accounts]), self.desk.ledger.fix(0, day)
        plan = self.desk.plan(call, broker.address, accounts, anybodys=False, fixings=[fix])
        return [broker.sender.send(item) for item in plan.calls][-1]

    def assert_settled(self, fixing: int, lots: tuple[int, int]) -> None:
        """The call's payoff less the forward's, to the last unit, and the fee of each position to the broker."""
        if fixing != to_units(FIXING, 18):
            raise Deviation(f"the fixing is {from_units(fixing, 18)}, not the average of what was reported")
        gain = (fixing - STRIKE * WAD) * self.market.lot // WAD
        fee = PARAMETERS.position_charge * 10**14
        change = gain * (lots[1] - lots[0])
        for name, sign in (("maker", 1), ("taker", -1)):
            wanted = to_units(dict(DEPOSITS[name])["USDC"], 18) + sign * change - 2 * fee
            cash = self.desk.ledger.head(Account(self.world.peers[name].address)).cash
            if cash != wanted:
                raise Deviation(f"{name} has {from_units(cash, 18)} of cash, not {from_units(wanted, 18)}")

    def pay_out(self) -> dict[str, str]:
        """Everybody takes all of it out; without positions no price is asked for."""
        taken = {}
        for name in ("maker", "taker", "broker"):
            peer, account = self.world.peers[name], Account(self.world.peers[name].address)
            amounts = [("USDC", self.desk.ledger.head(account).cash // 10**12)]
            amounts += [(symbol, to_units(amount, 18)) for symbol, amount in DEPOSITS.get(name, ()) if symbol == "WETH"]
            for symbol, units in amounts:
                token = self.world.tokens[symbol]
                peer.sender.send(self.desk.ledger.withdraw(account, token.address, units))
                self.world.expected[name, symbol] += units
            taken[name] = self.world.tokens["USDC"].show(amounts[0][1])
        self.world.assert_balances()
        return taken
