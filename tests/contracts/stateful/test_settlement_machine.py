"""After any sequence of calls chain and specification are equal, and nothing is lost, kept or forgotten."""

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.contracts.differential.drawing import Drawing, with_fields
from tests.contracts.differential.world import ERC20S, HOLDING, Call, Outcome, World

from peersettle.spec import settlement as spec
from peersettle.spec.nonces import used_trades
from peersettle.trades import ApprovalMethod, trade_digest
from peersettle.types import UINT256_MAX

ONCE = {"swap", "swap_relayed", "swap_approved", "settle", "settle_net"}
data = st.data()


class SettlementMachine(RuleBasedStateMachine):
    """Everybody trades with everybody. Most calls are meant to settle; one choice in sixteen goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._fresh = World.fresh()
        self.world = self._fresh.__enter__()
        self.minted = dict.fromkeys(ERC20S, HOLDING * len(self.world.actors))
        self.native = sum(self.world.state.native.values())
        self.settled: list[Call] = []
        self.used: dict[tuple[object, int], int] = {}

    def teardown(self) -> None:
        try:
            self.world.assert_views_equal()
        finally:
            self._fresh.__exit__(None, None, None)

    def drawing(self, data: st.DataObject) -> Drawing:
        return Drawing(data.draw, self.world, faults=16)

    def make(self, call: Call, rule: str) -> Outcome:
        outcome = self.world.do(call)
        event(f"{rule}: {'settled' if outcome.settled else 'refused'}")
        if outcome.settled:
            self.settled.append(call)
        return outcome

    # Every entry point

    @rule(data=data)
    def swap(self, data: st.DataObject) -> None:
        self.make(self.drawing(data).take(), "swap")

    @rule(data=data)
    def swap_relayed(self, data: st.DataObject) -> None:
        self.make(self.drawing(data).relay(), "swap_relayed")

    @rule(data=data)
    def swap_approved(self, data: st.DataObject) -> None:
        self.make(self.drawing(data).swap_approved(), "swap_approved")

    @rule(data=data, count=st.integers(1, 3))
    def settle(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            self.make(self.drawing(data).settle(), "settle")

    @rule(data=data)
    def settle_batch(self, data: st.DataObject) -> None:
        outcome = self.make(self.drawing(data).batch(), "settle_batch")
        for logged in outcome.events:
            event(f"settle_batch entry: {type(logged).__name__}")

    @rule(data=data)
    def settle_net(self, data: st.DataObject) -> None:
        self.make(self.drawing(data).net(), "settle_net")

    @rule(data=data)
    def cancel(self, data: st.DataObject) -> None:
        self.make(self.drawing(data).cancel(), "cancel")

    @rule(data=data)
    def cancel_trade(self, data: st.DataObject) -> None:
        for _ in range(2):
            self.make(self.drawing(data).cancel_trade(), "cancel_trade")

    @rule(data=data)
    def novation(self, data: st.DataObject) -> None:
        """One trade retires every bit of a range that is still unused."""
        drawing = self.drawing(data)
        parties, sender = drawing.parties(), self.world.actors[3].address
        trade = drawing.trade(sender, parties)
        open_bits = ~used_trades(self.world.state, parties, trade.nonce_word) & (1 << drawing.one([12, 255])) - 1
        trade = with_fields(trade, nonce_mask=open_bits & UINT256_MAX >> 1 or 1)
        digest = trade_digest(self.world.domain, trade)
        signed = [drawing.signed(party, digest) for party in trade.parties]
        self.world.scopes[trade.parties, trade.nonce_word] = None
        entry = spec.Entry(trade, signed, drawing.approvals(trade.legs, digest))
        self.make(drawing.settle_entry(sender, entry), "novation")

    @precondition(lambda self: self.settled)
    @rule(data=data)
    def replay(self, data: st.DataObject) -> None:
        """What settled once never does again, whatever has happened since."""
        call = data.draw(st.sampled_from(self.settled))
        outcome = self.world.do(call)
        event(f"replay of {call.verb}: {outcome.reason}")
        assert not outcome.settled or call.verb not in ONCE
        if call.verb == "settle_batch":
            assert not any(outcome.output)

    # What happens around it

    @rule(data=data)
    def mint(self, data: st.DataObject) -> None:
        drawing = self.drawing(data)
        name, amount = drawing.one(ERC20S), drawing.one([50, 500])
        self.world.mint(name, drawing.actor().address, amount)
        self.minted[name] += amount

    @rule(data=data)
    def approve(self, data: st.DataObject) -> None:
        """Or take back an allowance."""
        drawing = self.drawing(data)
        spender = self.world.domain.settlement if drawing.chance(2) else self.world.addresses["permit2"]
        amount = drawing.one([UINT256_MAX, 300, 10, 0])
        self.world.approve(drawing.one(ERC20S), drawing.actor().address, spender, amount)

    @rule(data=data, name=st.sampled_from(["nft", "multi"]))
    def approve_all(self, data: st.DataObject, name: str) -> None:
        drawing = self.drawing(data)
        self.world.approve_all(name, drawing.actor().address, not drawing.chance(3))

    @rule(data=data)
    def permit(self, data: st.DataObject) -> None:
        """Somebody uses a permit that was signed for a trade before the trade does."""
        drawing = self.drawing(data)
        giver, receiver = self.world.actors[:2]
        leg = spec.erc20_leg(giver.address, receiver.address, self.world.addresses["usdc"], 40)
        approval = drawing.approval(0, leg, trade_digest(self.world.domain, drawing.trade(giver.address)))
        if approval.method == ApprovalMethod.ERC2612:
            self.world.permit("usdc", giver.address, approval)

    @rule(seconds=st.sampled_from([1, 59, 60, 700]))
    def warp(self, seconds: int) -> None:
        self.world.warp(seconds)
        self.world.assert_views_equal()  # a notice may have taken effect

    # What holds after every step

    @invariant()
    def chain_and_specification_are_equal(self) -> None:
        self.world.assert_equal()

    @invariant()
    def settlement_holds_nothing(self) -> None:
        here = self.world.domain.settlement
        held = {key: amount for key, amount in self.world.balances_on_chain().items() if amount}
        assert not [key for key in held if here in key[:2] and key[0] in (*ERC20S, "multi", "native")]
        assert here not in self.world.nft.owners.values()

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        held = self.world.balances_on_chain()
        for name in ERC20S:
            total = sum(held[name, who] for who in self.world.everybody)
            assert total == held[name, "supply"]
            assert total == self.minted[name] or (name == "paxg" and total <= self.minted[name])
        assert sum(held["native", who] for who in self.world.everybody) == self.native
        assert sum(held["multi", who, 7] for who in self.world.everybody) == HOLDING * len(self.world.actors)
        assert sum(amount for key, amount in held.items() if key[0] == "position") % 2**256 == 0

    @invariant()
    def a_used_bit_stays_used(self) -> None:
        used: dict[tuple[object, int], int] = {**self.world.state.used_swaps, **self.world.state.used_trades}
        assert all(used[key] & bits == bits for key, bits in self.used.items())
        self.used = used


@pytest.mark.usefixtures("deployed")
def test_any_sequence_of_calls(examples):
    run_state_machine_as_test(SettlementMachine, settings=settings(max_examples=examples(40)))
