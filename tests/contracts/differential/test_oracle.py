"""Any calls do to the Oracle what the specification says: outcome, reason, events, and all that can be read."""

from dataclasses import replace

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.contracts.differential.oracle_drawing import ROUGH, SURFACES, Drawing
from tests.contracts.differential.oracle_world import START, OracleWorld

from peersettle.errors import Reverted
from peersettle.reports import SurfaceSlice
from peersettle.spec.oracle_feeds import GRID
from peersettle.spec.oracle_surfaces import Slice, require_free_of_arbitrage

pytestmark = pytest.mark.usefixtures("oracle_stage")

VERBS = {
    "rounds": ("update",),
    "batches": ("batch", "batch", "update"),
    "surfaces": ("surface",),
    "reporters": ("propose", "propose", "activate", "activate", "activate", "withdraw", "update", "update", "surface"),
    "everything": ("update", "update", "batch", "surface", "propose", "activate"),
}
EXAMPLES = {"rounds": 100, "batches": 60, "surfaces": 50, "reporters": 60, "everything": 40}


@pytest.mark.parametrize("kind", VERBS)
def test_the_chain_does_what_the_specification_says(kind, examples):
    @settings(max_examples=examples(EXAMPLES[kind]))
    @given(st.data())
    def calls(data):
        with OracleWorld.fresh() as world:
            drawing = Drawing(data.draw, world, faults=8)
            made = []
            for _ in range(data.draw(st.integers(3, 12))):
                if made and drawing.chance(8):
                    outcome = world.do(*drawing.one(made))
                    event(f"replay: {outcome.reason}")
                    continue
                waiting = sum(feed.candidate is not None for feed in world.state.feeds.values())
                if drawing.chance(10):
                    drawing.attester()
                if drawing.chance(10) and drawing.number(0, 9) == 4:
                    world.fork(world.state.chain_id + 1)
                verb = drawing.one(VERBS[kind])
                call, outcome = drawing.make(verb)
                made.append(call)
                logged = [type(one).__name__ for one in outcome.events]
                event(f"{verb}{' to candidates' * (waiting > 0)}: {logged or outcome.reason or 'no reason'}")
            world.assert_views_equal()

    calls()


def test_every_average_is_the_integral_of_the_confirmed_path(examples):
    """Over irregular times, to the last unit, for every window that can be asked for, kept or not."""

    @settings(max_examples=examples(50))
    @given(st.data())
    def path(data):
        with OracleWorld.fresh() as world:
            drawing = Drawing(data.draw, world, faults=0)
            world.warp_to(START + data.draw(st.integers(0, 2 * GRID)))
            longest = drawing.one([150, 90, 200, 30, 0])
            for _ in range(data.draw(st.integers(3, 14)) + 22 * (longest > 0)):
                if ROUGH in world.state.feeds:
                    newest = world.state.feeds[ROUGH].path[-1].observed_at
                    often = longest and not drawing.chance(20)
                    world.warp_to(
                        world.now + (drawing.number(longest // 3, longest) if often else drawing.interval(newest))
                    )
                world.do("update", *world.round(ROUGH, world.now, drawing.value(ROUGH, world.now)))
            times = [one.observed_at for one in world.state.feeds[ROUGH].path]
            near = sorted({time // GRID * GRID + step for time in times for step in (0, 300)})
            for start in near:
                world.view("observed_since", ROUGH, start)
                for minutes in (5, 10, 30):
                    outcome = world.view("twap", ROUGH, start, start + 60 * minutes)
                    event("averaged" if outcome.done else str(outcome.reason))

    path()


EDGES = {"sigma": 1, "a": -(10**9), "b": 2 * 10**9, "rho": 10**9 - 1, "m": 2**36 - 1}


def test_what_is_sound_is_the_same_to_the_last_unit(examples):
    """Between a sound surface and an unsound one lie two neighbours of which one is sound: both tell them apart."""

    @settings(max_examples=examples(100))
    @given(st.data())
    def edge(data):
        with OracleWorld.fresh() as world:
            drawing, expiry = Drawing(data.draw, world, faults=0), START + 86400 * 30
            a, b, sigma = (drawing.one([10**8, 3 * 10**7, 10**6, 10**9]) for _ in range(3))
            near = SurfaceSlice(
                expiry, a, b, drawing.number(-900, 900) * 10**6, drawing.number(-300, 300) * 10**6, sigma, 1
            )
            field = drawing.one(list(EDGES))

            def refusal(item):
                try:
                    require_free_of_arbitrage([Slice.of(one.packed) for one in item], START)
                except Reverted as refused:
                    return refused.reason or "no reason"

            def pair(value):
                item = replace(near, **{field: value})
                return [replace(near, expiry=expiry - 1), item] if calendar else [item]

            calendar = drawing.chance(3)
            sound, unsound = getattr(near, field), EDGES[field]
            if refusal(pair(sound)) or not refusal(pair(unsound)):
                return
            while abs(sound - unsound) > 1:
                middle = (sound + unsound) // 2
                sound, unsound = (sound, middle) if refusal(pair(middle)) else (middle, unsound)
            event(f"{field}: {refusal(pair(unsound))}")
            for value in (unsound, sound):
                words = [one.packed for one in pair(value)]
                outcome = world.do("update_surface", *world.surface(SURFACES[0], START, words))
                assert outcome.done == (value == sound)

    edge()


@pytest.mark.parametrize("start", [0, 300, 1, 1500, -300 % 2**256, 2**256 - 1, 2**256 - 2**256 % 300, START])
def test_odd_windows(start):
    with OracleWorld.fresh() as world:
        for feed in (ROUGH, bytes(32)):
            world.view("observed_since", feed, start)
            for end in (start, start + 300, start + 1800, start + 2100, start - 300, 0):
                world.view("twap", feed, start, end % 2**256)
            world.do("update", *world.round(ROUGH, START, 5))
            world.view("surface_slice", feed, start)
            world.view("read", feed)
