"""Any single call does on chain what the specification says: outcome, reason, answer, events, storage and balances."""

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.drawing import Drawing
from tests.contracts.differential.world import World

pytestmark = pytest.mark.usefixtures("deployed")

VERBS = {
    "take": 40,
    "relay": 40,
    "swap_approved": 70,
    "settle": 150,
    "batch": 50,
    "net": 60,
    "cancel": 10,
    "cancel_trade": 25,
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_chain_does_what_the_specification_says(verb, examples):
    @settings(max_examples=examples(VERBS[verb]))
    @given(st.data())
    def one_call(data):
        with World.fresh() as world:
            outcome = world.do(getattr(Drawing(data.draw, world), verb)())
            event(f"{verb}: {outcome.reason or ('settled' if outcome.settled else 'no reason')}")
            world.assert_equal()
            world.assert_views_equal()

    one_call()
