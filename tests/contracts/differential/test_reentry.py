"""A call from within a call is refused; a batch inside one settles nothing; cancelling is always possible."""

from contextlib import suppress

import boa
import pytest
from tests.contracts.differential.drawing import arguments_of, net_call
from tests.contracts.differential.world import GAS_CAP, Call, World, maker, relayer, taker
from tests.contracts.mocks import load

from peersettle.errors import Reverted
from peersettle.spec import settlement as spec
from peersettle.spec.tokens import Erc20
from peersettle.trades import NETTABLE, Leg, LegKind, Quote, Swap, Trade, net, swap_digest, trade_digest
from peersettle.types import UINT256_MAX, address


def signed_swap(world: World, nonce: int, **changes) -> tuple[Swap, list]:
    usdc, usdt = world.addresses["usdc"], world.addresses["usdt"]
    fields = {"maker_token": usdc, "maker_amount": 10, "taker_token": usdt, "taker_amount": 20} | changes
    swap = Swap(maker=maker.address, taker=taker.address, nonce=nonce, deadline=world.now, **fields)
    digest = swap_digest(world.domain, swap)
    return swap, [maker.sign(digest), taker.sign(digest)]


def inner_calls(world: World, sender: str) -> dict[str, Call]:
    """Good calls, each of which settles when it stands alone."""
    swap, (by_maker, by_taker) = signed_swap(world, 1)
    open_swap = Swap(**{name: getattr(swap, name) for name in swap.__dataclass_fields__} | {"taker": sender})
    by_maker_for_sender = maker.sign(swap_digest(world.domain, open_swap))
    signatures = by_maker.to_bytes(), by_taker.to_bytes()
    leg = Leg(maker.address, taker.address, LegKind.ERC20, world.addresses["usdc"], 0, 5)
    trade = Trade((maker.address, taker.address), (leg,), 1, 1, 0, world.now)
    entry = spec.Entry(
        trade, [world.actor(p).sign(trade_digest(world.domain, trade)).to_bytes() for p in trade.parties]
    )
    packed = world.settlement.settle.prepare_calldata(*arguments_of(entry))[4:]
    nettable, both = signed_swap(world, NETTABLE | 1)
    netting = net([Quote(world.domain, nettable, *(signature.to_bytes() for signature in both))])
    return {
        "swap": Call(
            "swap",
            sender,
            (open_swap.to_abi(), by_maker_for_sender.to_abi()),
            lambda state: spec.swap(state, sender, open_swap, by_maker_for_sender),
        ),
        "swap_relayed": Call(
            "swap_relayed",
            sender,
            (swap.to_abi(), by_maker.to_abi(), by_taker.to_abi()),
            lambda state: spec.swap_relayed(state, sender, swap, by_maker, by_taker),
        ),
        "swap_approved": Call(
            "swap_approved",
            sender,
            (swap.to_abi(), *signatures, []),
            lambda state: spec.swap_approved(state, sender, swap, *signatures),
        ),
        "settle": Call(
            "settle", sender, arguments_of(entry), lambda state: spec.settle(state, sender, entry.trade, entry.signed)
        ),
        "settle_batch": Call(
            "settle_batch",
            sender,
            ([packed], [GAS_CAP]),
            lambda state: spec.settle_batch(state, sender, [entry], [GAS_CAP]),
        ),
        "settle_net": net_call(sender, *netting.to_abi()),
        "cancel": Call("cancel", sender, (3, 5), lambda state: spec.cancel(state, sender, 3, 5)),
    }


VERBS = ["swap", "swap_relayed", "swap_approved", "settle", "settle_batch", "settle_net", "cancel"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_token_that_calls_back_gets_nothing_done(world, verb):
    token, hook = load("HookToken", "Hooked", "HOOK", 18), load("Reentrant")
    where, who = address(token.address), address(hook.address)
    token.mint(maker.address, 100)
    token.approve(world.domain.settlement, UINT256_MAX, sender=maker.address)
    token.set_hook(taker.address, hook.address)
    call = inner_calls(world, who)[verb]
    data = getattr(world.settlement, call.verb).prepare_calldata(*call.arguments)
    hook.arm(world.settlement.address, data)
    came_through = []

    def calls_back(state) -> None:
        came_through.append(False)
        with suppress(Reverted):
            call.expected(state)
            came_through[-1] = True

    world.state.contracts[where] = Erc20(
        where,
        balances={maker.address: 100},
        allowances={(maker.address, world.domain.settlement): UINT256_MAX},
        hooks={taker.address: calls_back},
    )
    swap, (by_maker, by_taker) = signed_swap(world, 0, maker_token=where)
    outer = Call(
        "swap_relayed",
        relayer.address,
        (swap.to_abi(), by_maker.to_abi(), by_taker.to_abi()),
        lambda state: spec.swap_relayed(state, relayer.address, swap, by_maker, by_taker),
    )
    assert world.do(outer).settled
    world.assert_equal()
    assert came_through == [hook.last_success()] == [verb in ("settle_batch", "cancel")]
    assert hook.fired() == 1
    assert not any(hook.last_answer()[:32])  # a batch that answers says that nothing settled
    assert boa.env.get_balance(world.domain.settlement) == 0


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "swap"])
def test_the_same_call_settles_alone(world, verb):
    outcome = world.do(inner_calls(world, relayer.address)[verb])
    assert outcome.settled
    assert verb != "settle_batch" or outcome.output[-1] == 1
    world.assert_equal()
