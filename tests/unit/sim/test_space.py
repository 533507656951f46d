"""The gas of a block: what does not fit waits, and nobody waits without a limit."""

from peersettle.sim.venue import Space


def test_what_does_not_fit_waits_for_the_next_block():
    space = Space(limit=100)
    assert [space.takes(gas) for gas in (60, 50, 40)] == [True, False, True]
    assert (space.used, space.waits, space.full) == (100, True, 1)
    space.begin()
    assert not space.waits
    assert space.takes(50)
    assert space.fullest == 100


def test_a_block_in_which_two_wait_is_full_once():
    space = Space(limit=10)
    assert not space.takes(11)
    assert not space.takes(11)
    assert space.full == 1


def test_without_a_limit_everything_fits():
    space = Space()
    assert space.takes(10**12)
    assert not space.waits
