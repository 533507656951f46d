"""What Settlement refuses, decoded on every kind of chain."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peersettle import errors
from peersettle.bindings import Call
from peersettle.chain import artifact
from peersettle.trades import NETTABLE, Approval, ApprovalMethod, Leg, LegKind, Signature, net
from peersettle.types import ZERO_ADDRESS, address

NOBODY = address("0x" + "00" * 18 + "beef")
ANY_SIGNATURE = Signature(1, 1, 0)
PAST = 1


def call(scene: Any, name: str, *arguments: Any, value: int = 0) -> Call:
    return Call(scene.deployment.settlement, artifact("Settlement").functions[name].encode(*arguments), value)


def settle(scene: Any, trade: Any, **changes: Any) -> Call:
    """A settle whose trade cannot be built in Python, since its rules are checked here first."""
    names = ("parties", "legs", "nonce_word", "nonce_mask", "valid_after", "deadline", "submitter", "terms")
    fields = dict(zip(names, trade.trade.to_abi(), strict=True)) | changes
    empty = [b""] * len(fields["parties"])
    return call(scene, "settle", tuple(fields.values()), empty, [])


def unsigned(scene: Any, *legs: Leg) -> Any:
    """A trade that the taker, who sends, may settle alone."""
    taker = scene.taker.address
    return replace(scene.trade(), trade=replace(scene.trade().trade, parties=(taker,), legs=legs), signatures={})


def raw_leg(scene: Any, kind: int, **changes: Any) -> tuple[Any, ...]:
    me = scene.taker.address
    leg = {"giver": me, "receiver": me, "kind": kind, "token": scene.usd.address, "id": 0, "amount": 1}
    return tuple((leg | changes).values())


def approved(scene: Any) -> Any:
    approvals = (Approval(3, ApprovalMethod.ERC2612, 1, 0, 2**40, ANY_SIGNATURE),)
    return scene.settlement.swap_approved(replace(scene.quote(), approvals=approvals))


def netted(scene: Any, **changes: Any) -> Call:
    quote = scene.quote(both=True, nonce=next(scene.nonces) | NETTABLE)
    parties, tokens, swaps, moves = net([quote]).to_abi()
    given = {"parties": parties, "tokens": tokens, "swaps": swaps, "moves": moves}
    return call(scene, "settle_net", *(given | {n: change(given[n]) for n, change in changes.items()}).values())


def settled_twice(scene: Any) -> Any:
    quote = scene.quote()
    scene.taker.send(scene.settlement.swap(quote))
    return scene.settlement.swap(quote)


def native(scene: Any, giver: str, amount: int, value: int) -> Call:
    leg = raw_leg(scene, LegKind.NATIVE, token=ZERO_ADDRESS, giver=giver, amount=amount)
    parties = sorted({giver, scene.taker.address}, key=lambda party: int(party, 16))
    trade = scene.trade(legs=())
    return replace(settle(scene, trade, parties=parties, legs=[leg]), value=value)


def from_maker(scene: Any) -> Any:
    legs = (Leg(scene.maker.address, scene.taker.address, LegKind.NATIVE, ZERO_ADDRESS, 0, 1),)
    return scene.settlement.settle(scene.trade(legs=legs))


CASES: dict[type[errors.Reverted], Callable[[Any], Any]] = {
    errors.Expired: lambda s: s.settlement.swap(s.quote(deadline=PAST)),
    errors.TooEarly: lambda s: s.settlement.settle(s.trade(valid_after=2**40, deadline=2**41)),
    errors.WrongSubmitter: lambda s: s.settlement.settle(s.trade(submitter=NOBODY)),
    errors.WrongTaker: lambda s: s.settlement.swap(s.quote(taker=NOBODY)),
    errors.BadParties: lambda s: settle(s, s.trade(legs=()), parties=[s.taker.address] * 2, legs=[]),
    errors.BadSignature: lambda s: s.settlement.swap(
        replace(s.quote(), maker_signature=s.quote().maker_signature)  # of another quote
    ),
    errors.NonceUsed: settled_twice,
    errors.BadNonceMask: lambda s: settle(s, unsigned(s), nonce_mask=0),
    errors.LegPartyMissing: lambda s: settle(s, unsigned(s), legs=[raw_leg(s, 0, receiver=NOBODY)]),
    errors.BadLeg: lambda s: settle(s, unsigned(s), legs=[raw_leg(s, 0, id=1)]),
    errors.UnknownKind: lambda s: settle(s, unsigned(s), legs=[raw_leg(s, 6)]),
    errors.OneLedgerOnly: lambda s: settle(s, unsigned(s), legs=[raw_leg(s, 5), raw_leg(s, 5, token=s.weth.address)]),
    errors.BadApproval: approved,
    errors.NativeNotSender: from_maker,
    errors.WrongValue: lambda s: native(s, s.taker.address, 1, 2),
    errors.NetOrder: lambda s: netted(s, parties=lambda parties: parties[::-1]),
    errors.NotNettable: lambda s: netted(
        s, swaps=lambda swaps: [(*swaps[0][:3], swaps[0][3] ^ NETTABLE, *swaps[0][4:])]
    ),
    errors.BadMove: lambda s: netted(s, moves=lambda moves: [(route, amount + 1) for route, amount in moves]),
    errors.NotBalanced: lambda s: netted(s, moves=lambda moves: moves[:1]),
    errors.BatchLength: lambda s: call(s, "settle_batch", [b""], []),
    errors.BatchGas: lambda s: call(s, "settle_batch", [b""], [2**64]),
    errors.TokenReverted: lambda s: s.settlement.swap(s.quote(taker_amount=10**30)),
}


@pytest.mark.parametrize("expected", CASES, ids=lambda kind: kind.__name__)
def test_a_refusal_is_an_exception_of_its_own(scene: Any, expected: type[errors.Reverted]) -> None:
    refused = CASES[expected](scene)
    nonce = scene.chain.nonce(scene.taker.address)
    with pytest.raises(errors.Reverted) as caught:
        scene.taker.send(refused)
    assert type(caught.value) is expected
    with pytest.raises(errors.Reverted) as called:
        scene.chain.call(refused.to, refused.data, sender=scene.taker.address, value=refused.value)
    assert type(called.value) is expected
    assert scene.chain.nonce(scene.taker.address) == nonce


def test_the_cases_are_all_reasons_of_settlement_but_those_that_need_other_contracts() -> None:
    elsewhere = {errors.TransferFailed, errors.InexactTransfer, errors.WrongChainId}
    assert set(CASES) | elsewhere == {
        kind
        for kind in errors.Reverted.__subclasses__()
        if kind.__module__.rpartition(".")[2] not in ("oracle", "margin", "liquidation")
    }


def test_a_token_s_own_reason_is_kept(scene: Any) -> None:
    with pytest.raises(errors.TokenReverted) as caught:
        scene.taker.send(scene.settlement.swap(scene.quote(taker_amount=10**30)))
    assert caught.value.values["reason"] == "balance"


def test_an_empty_refusal_says_so(scene: Any) -> None:
    with pytest.raises(errors.Reverted, match="without a reason") as caught:
        scene.taker.send(scene.settlement.swap(scene.quote(taker_token=NOBODY)))
    assert type(caught.value) is errors.Reverted
