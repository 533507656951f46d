# pragma version 0.4.3
"""
@title The module of feeds, with what an update calls in it laid open
@license MIT
"""

from peersettle.contracts.modules import feed_terms
from peersettle.contracts.modules import feeds

initializes: feeds


@external
def take(feed: bytes32, observation: uint256, observed_at: uint256) -> uint256:
    return feeds._take(feed, observation, observed_at)


@external
@view
def state(feed: bytes32) -> uint256:
    return feeds.states[feed]


@external
@view
def candidate(feed: bytes32) -> uint256:
    return feeds.candidates[feed]


@external
def assert_timely(feed: bytes32, observed_at: uint256):
    feed_terms._assert_timely(feed, observed_at)
