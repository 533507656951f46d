"""Any single call does on chain what the specification says: outcome, reason, answer, events, storage and balances."""

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.drawing import Drawing
from tests.contracts.differential.world import World

pytestmark = pytest.mark.usefixtures("deployed")

VERBS = {
    "take": 60,
    "relay": 60,
    "swap_approved": 100,
    "settle": 250,
    "batch": 60,
    "net": 100,
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
