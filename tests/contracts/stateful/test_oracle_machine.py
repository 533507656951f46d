"""After any sequence of rounds time has not gone back, and no value moved that a second round did not confirm."""

from itertools import pairwise

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.contracts.differential.oracle_drawing import FEEDS, Drawing
from tests.contracts.differential.oracle_world import OracleWorld, Outcome

from peersettle.spec.oracle_events import CandidateOpened
from peersettle.spec.oracle_feeds import GRID, MAX_WINDOW, Terms, integral, is_beyond
from peersettle.types import Hash32

pytestmark = pytest.mark.usefixtures("oracle_stage")

data = st.data()


class OracleMachine(RuleBasedStateMachine):
    """Everybody brings rounds, good and bad, to four feeds; the reporters are replaced now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._fresh = OracleWorld.fresh()
        self.world = self._fresh.__enter__()
        self.accepted: list[tuple[object, ...]] = []
        self.before = dict.fromkeys(FEEDS, (0,) * 5)
        self.averages: dict[tuple[Hash32, int, int], int] = {}

    def teardown(self) -> None:
        try:
            self.world.assert_views_equal()
        finally:
            self._fresh.__exit__(None, None, None)

    def make(self, data: st.DataObject, verb: str) -> Outcome:
        call, outcome = Drawing(data.draw, self.world, faults=12).make(verb)
        event(f"{verb}: {'taken' if outcome.done else outcome.reason or 'no reason'}")
        if outcome.done and verb in ("update", "batch", "surface"):
            self.accepted.append(call)
        return outcome

    @rule(data=data)
    def update(self, data: st.DataObject) -> None:
        for _ in range(3):
            self.make(data, "update")

    @rule(data=data)
    def batch(self, data: st.DataObject) -> None:
        self.make(data, "batch")

    @rule(data=data)
    def surface(self, data: st.DataObject) -> None:
        self.make(data, "surface")

    @rule(data=data)
    def replace_reporters(self, data: st.DataObject) -> None:
        self.make(data, "propose")
        self.make(data, "activate")

    @rule(data=data)
    def attester(self, data: st.DataObject) -> None:
        Drawing(data.draw, self.world).attester()

    @rule(data=data)
    def replay(self, data: st.DataObject) -> None:
        """What was taken once never is again."""
        if self.accepted:
            assert not self.world.do(*data.draw(st.sampled_from(self.accepted))).done

    @rule(seconds=st.sampled_from([1, 15, 29, 30, 31, 61, 300]))
    def warp(self, seconds: int) -> None:
        self.world.warp(seconds)

    # What holds after every step

    @invariant()
    def readings_are_the_specifications_and_never_go_back(self) -> None:
        for feed in FEEDS:
            ((value, observed_at, spread, candidate, candidate_at),) = self.world.view("read", feed).output
            last = self.before[feed]
            assert observed_at >= last[1]
            if observed_at == last[1]:
                assert (value, spread) == (last[0], last[2])
            assert candidate_at == 0 or (candidate_at > observed_at and candidate > 0)
            self.before[feed] = (value, observed_at, spread, candidate, candidate_at)

    @invariant()
    def a_jump_went_at_most_to_the_nearer_of_two_rounds(self) -> None:
        """Each confirmed step is within the bound, or a candidate on its side said at least as much before."""
        for feed, opened in self.candidates().items():
            terms = Terms.of(feed)
            path = self.world.state.feeds[feed].path
            for older, newer in pairwise(path):
                if is_beyond(terms, newer.value, older.value, newer.observed_at - older.observed_at):
                    said = [
                        v
                        for v, t in opened
                        if older.observed_at < t < newer.observed_at and newer.observed_at - t <= terms.max_age
                    ]
                    up = newer.value > older.value
                    assert any((v >= newer.value) if up else (v <= newer.value) for v in said)

    def candidates(self) -> dict[Hash32, list[tuple[int, int]]]:
        """By feed, what the log says of its candidates."""
        found: dict[Hash32, list[tuple[int, int]]] = {feed: [] for feed in self.world.state.feeds}
        for logged in self.world.state.log:
            if isinstance(logged, CandidateOpened):
                found[logged.feed].append((logged.value, logged.observed_at))
        return found

    @invariant()
    def a_closed_window_keeps_its_average(self) -> None:
        """It is the path's exact integral, and nothing that comes later changes it."""
        for feed, found in self.world.state.feeds.items():
            newest = found.path[-1].observed_at // GRID * GRID
            for length in (GRID, MAX_WINDOW):
                outcome = self.world.view("twap", feed, newest - length, newest)
                if outcome.done:
                    self.averages[feed, newest - length, newest] = outcome.output[0]
        for (feed, start, end), average in self.averages.items():
            total, weight, _ = integral(self.world.state.feeds[feed].path, start, end)
            assert average == total // weight
        for window in list(self.averages)[-3:]:
            outcome = self.world.view("twap", *window)
            assert outcome.output == (self.averages[window],) or outcome.reason == "unobserved"


def test_any_sequence_of_rounds(examples):
    run_state_machine_as_test(OracleMachine, settings=settings(max_examples=examples(25)))
