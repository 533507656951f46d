"""Deploying, the bindings, and the pre-flight view, on every kind of chain."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peersettle.bindings import Settlement
from peersettle.chain import (
    Chain,
    Deployment,
    RpcWalletView,
    TransactionSender,
    advance_time,
    deploy,
    embedded,
    fund,
    settled_in,
)
from peersettle.errors import InvalidField, NotDeployed, SignatureError
from peersettle.signing import KeySigner
from peersettle.store import Store
from peersettle.trades import (
    NETTABLE,
    Approval,
    ApprovalMethod,
    Leg,
    LegKind,
    ProblemCode,
    Signature,
    check_swap,
    check_trade,
    net,
)
from peersettle.trades.approvals import permit_typed_data
from peersettle.types import ZERO_ADDRESS, address

NOBODY = address("0x" + "00" * 18 + "beef")


# Deploying


def test_a_deployment_is_recorded_and_kept(scene: Any, tmp_path: Path) -> None:
    deployment = scene.deployment
    deployment.save(tmp_path)
    assert Deployment.load(tmp_path, scene.chain.chain_id) == deployment
    nonce = scene.chain.nonce(scene.maker.address)
    assert deploy(scene.chain, scene.maker, directory=tmp_path) == deployment
    assert scene.chain.nonce(scene.maker.address) == nonce
    again = deploy(scene.chain, scene.maker, directory=tmp_path, force=True)
    assert again.settlement != deployment.settlement


def test_a_missing_record_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="peersettle deploy"):
        Deployment.load(tmp_path, 5)


@pytest.mark.parametrize("text", ["{", "[]", '{"chain_id": 5}'])
def test_an_unusable_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "5.json").write_text(text)
    with pytest.raises(NotDeployed):
        Deployment.load(tmp_path, 5)


def test_contracts_other_than_recorded_are_refused(scene: Any) -> None:
    recorded = scene.deployment
    recorded.verify(scene.chain)
    for wrong in (
        replace(recorded, settlement=NOBODY),
        replace(recorded, settlement=recorded.check),
        replace(recorded, check=recorded.settlement),
        replace(recorded, permit2=NOBODY),
        replace(recorded, chain_id=1),
    ):
        with pytest.raises(NotDeployed):
            wrong.verify(scene.chain)


class Crash(BaseException):
    pass


@pytest.mark.parametrize("sends", [False, True], ids=["before broadcast", "after broadcast"])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_an_interrupted_deployment_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, sends: bool
) -> None:
    chain, signer = embedded(), KeySigner.random()
    fund(chain, signer.address, 10**18)
    send_raw, count = chain.send_raw, iter(range(10))
    tokens = [("Dollar", "USD", 6)]

    def dying(raw: bytes) -> str:
        if next(count) < step:
            return send_raw(raw)
        if sends:
            send_raw(raw)
        raise Crash

    with Store.open(tmp_path / "store.db") as store, monkeypatch.context() as patch:
        patch.setattr(chain, "send_raw", dying)
        with pytest.raises(Crash):
            deploy(chain, TransactionSender(chain, signer, store), directory=tmp_path, demo_tokens=tokens)
    with Store.open(tmp_path / "store.db") as store:
        sender = TransactionSender(chain, signer, store)
        deployment = deploy(chain, sender, directory=tmp_path, demo_tokens=tokens)
    deployment.verify(chain)
    assert chain.nonce(signer.address) == 3
    assert [path.name for path in tmp_path.glob("*.json")] == ["1337.json"]


# Settling


def settles(scene: Any, sender: Any, call: Any) -> tuple[bytes, ...]:
    return settled_in(sender.send(call), scene.deployment.settlement).digests


def test_the_cheapest_entry_point_is_chosen_and_settles(scene: Any) -> None:
    settlement, taker, maker = scene.settlement, scene.taker, scene.maker
    quote, relayed, open_quote = scene.quote(), scene.quote(both=True), scene.quote(taker=ZERO_ADDRESS)
    chosen = [
        (settlement.for_quote(quote, taker.address), settlement.swap(quote), taker, quote),
        (settlement.for_quote(open_quote, taker.address), settlement.swap(open_quote), taker, open_quote),
        (settlement.for_quote(relayed, maker.address), settlement.swap_relayed(relayed), maker, relayed),
    ]
    for call, expected, sender, document in chosen:
        assert call == expected
        assert settles(scene, sender, call) == (document.digest,)
    with pytest.raises(SignatureError, match="only the taker"):
        settlement.for_quote(scene.quote(), maker.address)


def test_a_signature_of_another_form_takes_the_general_entry_point(scene: Any) -> None:
    quote = replace(scene.quote(), maker_signature=b"contract wallet" * 8)
    call = scene.settlement.for_quote(quote, scene.taker.address)
    assert call == scene.settlement.swap_approved(quote)


def test_a_permit_settles_a_quote_without_an_allowance(scene: Any) -> None:
    newcomer = KeySigner.random()
    scene.taker.send(scene.usd.mint(newcomer.address, 1_000))
    quote = scene.quote(taker=ZERO_ADDRESS)
    deadline = quote.swap.deadline
    domain, nonce = scene.usd.domain(), scene.usd.permit_nonce(newcomer.address)
    data = permit_typed_data(domain, newcomer.address, scene.settlement.address, 1_000, nonce, deadline)
    signature = Signature.from_bytes(newcomer.sign_typed_data(data))
    approval = Approval(1, ApprovalMethod.ERC2612, 1_000, 0, deadline, signature)
    fund(scene.chain, newcomer.address, 10**18)
    sender = TransactionSender(scene.chain, newcomer)
    call = scene.settlement.for_quote(replace(quote, approvals=(approval,)), newcomer.address)
    assert settles(scene, sender, call) == (quote.digest,)
    assert scene.weth.balance(newcomer.address) == 1_000


def test_trades_batches_and_nets_settle(scene: Any) -> None:
    trades = [scene.trade() for _ in range(3)]
    assert settles(scene, scene.taker, scene.settlement.settle(trades[0])) == (trades[0].digest,)
    receipt = scene.taker.send(scene.settlement.settle_batch(trades))
    done = settled_in(receipt, scene.deployment.settlement)
    assert done.digests == (trades[1].digest, trades[2].digest)
    assert [(skipped.entry, skipped.error.reason) for skipped in done.skipped] == [(0, "nonce")]
    quotes = [scene.quote(both=True, nonce=next(scene.nonces) | NETTABLE) for _ in range(3)]
    assert settles(scene, scene.maker, scene.settlement.settle_net(net(quotes))) == tuple(
        quote.digest for quote in quotes
    )


def test_hashes_and_nonces_are_the_contract_s(scene: Any) -> None:
    settlement, quote, trade = scene.settlement, scene.quote(), scene.trade()
    assert settlement.hash_swap(quote.swap) == quote.digest
    assert settlement.hash_trade(trade.trade) == trade.digest
    assert settlement.permit2() == scene.deployment.permit2
    assert settlement.domain == scene.deployment.domain
    scene.maker.send(settlement.cancel(77, 0b101))
    assert settlement.used_swaps(scene.maker.address, 77) == 0b101
    parties = trade.trade.parties
    scene.maker.send(settlement.cancel_trade(parties[::-1], 88, 0b11))
    assert settlement.used_trades(parties, 88) == 1 << 255
    advance_time(scene.chain, 61)
    view = RpcWalletView(scene.chain, scene.deployment)
    assert view.used_trades(parties, 88) == 1 << 255 | 0b11
    assert view.used_swaps(scene.maker.address, 77) == 0b101


def test_another_deployment_s_document_is_refused(scene: Any) -> None:
    other = Settlement(scene.chain, NOBODY)
    with pytest.raises(InvalidField, match="settlement"):
        other.for_quote(scene.quote(), scene.taker.address)


def documents(scene: Any) -> list[Any]:
    settled, trade = scene.quote(), scene.trade()
    scene.taker.send(scene.settlement.swap(settled))
    me, nft = scene.taker.address, scene.usd.address
    odd = (
        Leg(me, scene.maker.address, LegKind.ERC721, nft, 7, 1),
        Leg(me, scene.maker.address, LegKind.ERC1155, nft, 7, 5),
        Leg(me, scene.maker.address, LegKind.ERC20, NOBODY, 0, 5),
        Leg(scene.maker.address, me, LegKind.NATIVE, ZERO_ADDRESS, 0, 5),
        Leg(me, scene.maker.address, LegKind.ERC20_EXACT, scene.usd.address, 0, 10**30),
    )
    return [
        settled,
        scene.quote(maker_amount=10**30),
        scene.quote(taker=NOBODY),
        scene.quoted(),
        scene.trade(legs=odd, submitter=NOBODY, valid_after=2**40, deadline=2**41),
        replace(trade, signatures={}),
    ]


def test_the_view_and_the_contract_find_the_same_problems(scene: Any) -> None:
    for document in documents(scene):
        view = RpcWalletView(scene.chain, scene.deployment, scene.chain.block_number())
        check: Callable[..., Any] = check_trade if hasattr(document, "trade") else check_swap
        ours = check(document, view, scene.taker.address)
        theirs = scene.settlement.check(document, scene.taker.address, at=view.block_number)
        assert [(p.code, p.index, p.available, p.required) for p in ours] == [
            (p.code, p.index, p.available, p.required) for p in theirs
        ]
        assert ours
        assert all(isinstance(p.code, ProblemCode) for p in ours)


def test_a_view_is_of_one_block(scene: Any) -> None:
    view = RpcWalletView(scene.chain, scene.deployment)
    late = RpcWalletView(scene.chain, scene.deployment)
    before = view.balance(scene.usd.address, NOBODY)
    scene.taker.send(scene.usd.mint(NOBODY, 5))
    assert view.balance(scene.usd.address, NOBODY) == before
    assert late.balance(scene.usd.address, NOBODY) == before
    assert RpcWalletView(scene.chain, scene.deployment).balance(scene.usd.address, NOBODY) == before + 5


def test_tokens_that_answer_nothing_count_as_nothing(scene: Any) -> None:
    view = RpcWalletView(scene.chain, scene.deployment)
    for contract in (NOBODY, scene.deployment.check):
        assert view.balance(contract, NOBODY) == 0
        assert view.owner_of(contract, 1) is None
        assert not view.is_operator(contract, NOBODY, NOBODY)
        assert view.token_info(contract).symbol == contract
        assert view.token_info(contract).decimals is None
        assert not view.accepts(contract, scene.quote().digest, b"")


def test_time_is_the_chain_s(scene: Any) -> None:
    before = scene.chain.now()
    advance_time(scene.chain, 1_000)
    assert 1_000 <= scene.chain.now() - before < 1_100


def test_an_embedded_chain_has_the_id_it_was_given_and_is_final_at_once(scene_on: Callable[..., Any]) -> None:
    chain: Chain = embedded(chain_id=99)
    assert (chain.chain_id, chain.w3.eth.chain_id) == (99, 99)
    scene = scene_on(chain)
    quote = scene.quote()
    scene.taker.send(scene.settlement.swap(quote))
    assert scene.tracker().wait(quote.digest, "finalized", timeout=0).closed


def test_an_account_without_funds_can_ask(scene: Any) -> None:
    call = scene.usd.approve(NOBODY, 1)
    assert scene.chain.call(call.to, call.data, sender=NOBODY)
    assert scene.chain.simulate(call, NOBODY) > 21_000
