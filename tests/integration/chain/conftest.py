"""Chains to test on, and a scene of a maker and a taker with tokens on them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from peersettle.bindings import Settlement, Token
from peersettle.chain import (
    Anvil,
    Chain,
    Deployment,
    FeePolicy,
    SettlementTracker,
    TransactionSender,
    connect,
    deploy,
    embedded,
    fund,
)
from peersettle.signing import KeySigner, sign_as
from peersettle.store import Store
from peersettle.trades import Leg, LegKind, Quote, SignedTrade, Swap, Trade
from peersettle.types import Address

ETHER = 10**18
AMOUNT = 1_000


@dataclass
class Scene:
    """A maker with WETH and a taker with USD, both approved, and a signed quote at hand."""

    chain: Chain
    deployment: Deployment
    store: Store
    maker: TransactionSender
    taker: TransactionSender
    signers: dict[Address, KeySigner]
    directory: Path
    nonces: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def settlement(self) -> Settlement:
        return Settlement(self.chain, self.deployment)

    @property
    def weth(self) -> Token:
        return Token(self.chain, self.deployment.tokens["WETH"])

    @property
    def usd(self) -> Token:
        return Token(self.chain, self.deployment.tokens["USD"])

    def swap(self, **changes: Any) -> Swap:
        swap = Swap(
            maker=self.maker.address,
            taker=self.taker.address,
            maker_token=self.weth.address,
            maker_amount=AMOUNT,
            taker_token=self.usd.address,
            taker_amount=AMOUNT,
            nonce=next(self.nonces),
            deadline=self.chain.now() + 3_600,
        )
        return replace(swap, **changes)

    def quote(self, *, both: bool = False, **changes: Any) -> Quote:
        quote = sign_as(self.signers[self.maker.address], self.quoted(**changes))
        return sign_as(self.signers[self.taker.address], quote) if both else quote

    def quoted(self, **changes: Any) -> Quote:
        return Quote(self.settlement.domain, self.swap(**changes))

    def trade(self, **changes: Any) -> SignedTrade:
        maker, taker = self.maker.address, self.taker.address
        legs = (
            Leg(maker, taker, LegKind.ERC20, self.weth.address, 0, AMOUNT),
            Leg(taker, maker, LegKind.ERC20, self.usd.address, 0, AMOUNT),
        )
        trade = Trade((maker, taker), legs, next(self.nonces), 1, 0, self.chain.now() + 3_600)
        signed = SignedTrade(self.settlement.domain, replace(trade, **changes))
        for signer in self.signers.values():
            signed = sign_as(signer, signed)
        return signed

    def tracker(self, **options: Any) -> SettlementTracker:
        return SettlementTracker(self.chain, self.store, self.deployment.settlement, **options)


def make_scene(chain: Chain, directory: Path, **policy: Any) -> Scene:
    options = {"poll_interval": 0.05, **policy}
    signers = {signer.address: signer for signer in (KeySigner.random(), KeySigner.random())}
    store = Store.open(directory / "store.db")
    senders = []
    for signer in signers.values():
        fund(chain, signer.address, 10 * ETHER)
        senders.append(TransactionSender(chain, signer, store, policy=FeePolicy(**options)))
    maker, taker = senders
    tokens = [("Ether", "WETH", 18), ("Dollar", "USD", 6)]
    deployment = deploy(chain, maker, directory=directory / "deployments", demo_tokens=tokens)
    scene = Scene(chain, deployment, store, maker, taker, signers, directory)
    for sender, token in ((maker, scene.weth), (taker, scene.usd)):
        sender.send(token.mint(sender.address, 100 * AMOUNT))
        sender.send(token.approve(deployment.settlement, 2**256 - 1))
    return scene


@pytest.fixture(scope="session")
def anvil_url(anvil_program: Path) -> Iterator[str]:
    """An anvil that mines at once, shared: use fresh keys, and leave its blocks alone."""
    with Anvil(program=anvil_program) as anvil:
        yield anvil.url


@pytest.fixture
def anvil(anvil_url: str) -> Iterator[Chain]:
    with connect(anvil_url) as chain:
        yield chain


@pytest.fixture
def own_anvil(anvil_program: Path) -> Iterator[Chain]:
    """An anvil of the test's own, to stop mining on or to reorganise."""
    with Anvil(program=anvil_program) as anvil, connect(anvil.url) as chain:
        yield chain


@pytest.fixture
def key() -> KeySigner:
    return KeySigner.random()


@pytest.fixture
def scene_on(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def make(chain: Chain, **policy: Any) -> Scene:
        made.append(make_scene(chain, tmp_path, **policy))
        return made[-1]

    yield make
    for scene in made:
        scene.store.close()


@pytest.fixture(scope="module", params=["embedded", "anvil"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The same scene on both kinds of chain; one for all tests of a module."""
    chain = embedded() if request.param == "embedded" else connect(request.getfixturevalue("anvil_url"))
    with chain:
        made = make_scene(chain, tmp_path_factory.mktemp(request.param))
        yield made
        made.store.close()
