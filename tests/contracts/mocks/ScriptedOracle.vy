# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ScriptedOracle
@license MIT
@notice What Risk reads of the Oracle, set by a test. A fixing is what was set, or reverts.
"""

from peersettle.contracts.interfaces import IOracle

struct Observed:
    total: uint256
    weight: uint256
    coverage: uint256


readings: HashMap[bytes32, IOracle.Reading]
slices: HashMap[bytes32, HashMap[uint256, IOracle.Slice]]
averages: HashMap[bytes32, HashMap[uint256, uint256]]
observed: HashMap[bytes32, Observed]


@external
def set_reading(feed: bytes32, reading: IOracle.Reading):
    self.readings[feed] = reading


@external
def set_slice(feed: bytes32, expiry: uint256, slice_: IOracle.Slice):
    self.slices[feed][expiry] = slice_


@external
def set_twap(feed: bytes32, end: uint256, average: uint256):
    self.averages[feed][end] = average


@external
def set_observed(feed: bytes32, observed: Observed):
    self.observed[feed] = observed


@external
@view
def read(feed: bytes32) -> IOracle.Reading:
    return self.readings[feed]


@external
@view
def twap(feed: bytes32, start: uint256, end: uint256) -> uint256:
    average: uint256 = self.averages[feed][end]
    assert average != 0 and end - start == 1_800, "unobserved"
    return average


@external
@view
def observed_since(feed: bytes32, start: uint256) -> (uint256, uint256, uint256):
    observed: Observed = self.observed[feed]
    return observed.total, observed.weight, observed.coverage


@external
@view
def surface_slice(feed: bytes32, expiry: uint256) -> (IOracle.Slice, IOracle.Slice):
    return self.slices[feed][expiry], empty(IOracle.Slice)
