"""An account that has delegated its code by an EIP-7702 transaction on anvil goes on trading with its key.

It delegates to a contract without `isValidSignature`, so whoever asks every account with code by ERC-1271 gets no
answer from it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from eth_account import Account

from peersettle.bindings import Settlement, Token
from peersettle.chain import (
    Anvil,
    Chain,
    FeePolicy,
    TransactionSender,
    connect,
    deploy,
    fund,
)
from peersettle.errors import BadSignature
from peersettle.signing import KeySigner, sign_as
from peersettle.store import Store
from peersettle.trades import NETTABLE, Leg, LegKind, Quote, SignedTrade, Swap, Trade, net
from peersettle.types import Address

ETHER = 10**18
DESIGNATOR = bytes.fromhex("ef0100")
SET_CODE_TYPE = 4


@dataclass
class Scene:
    """A delegated maker and a taker, who hold and have allowed a token each; a relayer who has ether only."""

    chain: Chain
    settlement: Settlement
    dollar: Token
    ether: Token
    keys: dict[str, KeySigner]
    senders: dict[str, TransactionSender]
    nonces: Iterator[int] = field(default_factory=lambda: iter(range(1_000)))

    def address(self, role: str) -> Address:
        return self.keys[role].address

    def quote(self, *signers: str, flag: int = 0) -> Quote:
        swap = Swap(
            maker=self.address("maker"),
            taker=self.address("taker"),
            maker_token=self.dollar.address,
            maker_amount=300,
            taker_token=self.ether.address,
            taker_amount=2,
            nonce=next(self.nonces) | flag,
            deadline=self.chain.now() + 600,
        )
        quote = Quote(self.settlement.domain, swap)
        for role in signers:
            quote = sign_as(self.keys[role], quote)
        return quote

    def trade(self, *signers: str) -> SignedTrade:
        pair = self.address("maker"), self.address("taker")
        legs = (
            Leg(*pair, LegKind.ERC20_EXACT, self.dollar.address, 0, 300),
            Leg(*pair[::-1], LegKind.ERC20, self.ether.address, 0, 2),
        )
        trade = Trade(pair, legs, next(self.nonces), 1, 0, self.chain.now() + 600)
        signed = SignedTrade(self.settlement.domain, trade)
        for role in signers:
            signed = sign_as(self.keys[role], signed)
        return signed

    def balances(self) -> tuple[int, int]:
        maker = self.address("maker")
        return self.dollar.balance(maker), self.ether.balance(maker)


def delegate(chain: Chain, authority: KeySigner, payer: KeySigner, code: Address) -> None:
    """Let the account of `authority` run the code at `code`: it signs, `payer` sends."""
    authorization = {"chainId": chain.chain_id, "address": code, "nonce": chain.nonce(authority.address)}
    signed = Account.from_key(authority.export_secret()).sign_authorization(authorization)
    transaction = {
        "type": SET_CODE_TYPE,
        "chainId": chain.chain_id,
        "nonce": chain.nonce(payer.address),
        "gas": 200_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 0,
        "to": payer.address,
        "value": 0,
        "data": b"",
        "authorizationList": [signed],
    }
    raw = Account.from_key(payer.export_secret()).sign_transaction(transaction).raw_transaction
    sent = chain.send_raw(bytes(raw))
    receipt = None
    for _ in range(200):  # the block is mined a moment after the node has answered
        receipt = chain.receipt(sent)
        if receipt is not None:
            break
        time.sleep(0.05)
    assert receipt is not None
    assert receipt.succeeded


@pytest.fixture(scope="module")
def scene(anvil_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("delegated")
    with Anvil(program=anvil_program) as anvil, connect(anvil.url) as chain, Store.open(directory / "db") as store:
        yield set_scene(chain, store, directory)


def set_scene(chain: Chain, store: Store, directory: Path) -> Scene:
    keys = {role: KeySigner.random() for role in ("maker", "taker", "relayer")}
    policy = FeePolicy(poll_interval=0.05)
    for key in keys.values():
        fund(chain, key.address, 10 * ETHER)
    senders = {role: TransactionSender(chain, key, store, policy=policy) for role, key in keys.items()}
    tokens = [("Dollar", "USD", 6), ("Ether", "WETH", 18)]
    deployment = deploy(chain, senders["relayer"], directory=directory, demo_tokens=tokens)
    dollar, ether = (Token(chain, deployment.tokens[symbol]) for symbol in ("USD", "WETH"))
    for role, token in (("maker", dollar), ("taker", ether)):
        senders[role].send(token.mint(keys[role].address, 1_000_000))
        senders[role].send(token.approve(deployment.settlement, 2**256 - 1))
    delegate(chain, keys["maker"], keys["relayer"], dollar.address)
    return Scene(chain, Settlement(chain, deployment), dollar, ether, keys, senders)


def test_the_maker_has_code_and_does_not_answer_erc1271(scene):
    maker = scene.address("maker")
    assert scene.chain.code(maker) == DESIGNATOR + bytes.fromhex(scene.dollar.address[2:])
    question = {"to": maker, "data": "0x1626ba7e" + "00" * 32 + f"{64:064x}" + "00" * 32}
    with pytest.raises(Exception, match="revert"):
        scene.chain.request("eth_call", question, "latest")


@pytest.mark.parametrize("by", ["taker", "relayer"])
def test_its_quotes_settle(scene, by):
    before = scene.balances()
    quote = scene.quote("maker", "taker")
    call = scene.settlement.swap(quote) if by == "taker" else scene.settlement.swap_relayed(quote)
    scene.senders[by].send(call)
    assert scene.balances() == (before[0] - 300, before[1] + 2)


def test_its_trades_settle_alone_and_in_a_batch(scene):
    before = scene.balances()
    scene.senders["relayer"].send(scene.settlement.settle(scene.trade("maker", "taker")))
    scene.senders["relayer"].send(scene.settlement.settle_batch([scene.trade("maker", "taker")]))
    assert scene.balances() == (before[0] - 600, before[1] + 4)


def test_its_quotes_are_netted(scene):
    before = scene.balances()
    netting = net([scene.quote("maker", "taker", flag=NETTABLE) for _ in range(3)])
    scene.senders["relayer"].send(scene.settlement.settle_net(netting))
    assert scene.balances() == (before[0] - 900, before[1] + 6)


def test_it_sends_its_own_trades_unsigned(scene):
    before = scene.balances()
    scene.senders["maker"].send(scene.settlement.settle(scene.trade("taker")))
    assert scene.balances() == (before[0] - 300, before[1] + 2)


def test_nobody_else_trades_for_it(scene):
    before = scene.balances()
    with pytest.raises(BadSignature):
        scene.senders["relayer"].send(scene.settlement.settle(scene.trade("taker")))
    assert scene.balances() == before
