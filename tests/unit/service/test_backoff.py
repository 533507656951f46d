"""Pauses double up to a limit, are shortened at random, and begin anew after a success."""

from peersettle.service.backoff import Backoff


class Clock:
    time = 1_000.0

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.time += seconds


def test_pauses_double_up_to_the_cap_and_begin_anew():
    clock = Clock()
    backoff = Backoff(clock, lambda: 0.0, first=1, cap=5)
    assert [backoff.failed() for _ in range(5)] == [1, 2, 4, 5, 5]
    assert (backoff.left, backoff.failures) == (5, 5)
    clock.time += 5
    assert backoff.left == 0
    backoff.worked()
    assert (backoff.failed(), backoff.failures) == (1, 1)


def test_chance_shortens_by_up_to_a_half_but_never_below_what_was_asked_for():
    assert Backoff(Clock(), lambda: 1.0, first=8).failed() == 4
    assert Backoff(Clock(), lambda: 1.0, first=8).failed(at_least=6) == 6
    assert Backoff(Clock(), lambda: 0.0, first=8, cap=10).failed(at_least=60) == 10


def test_many_failures_do_not_overflow():
    backoff = Backoff(Clock(), lambda: 0.0, cap=300)
    assert [backoff.failed() for _ in range(5_000)][-1] == 300
