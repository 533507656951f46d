# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title RiskArraysHarness
@license MIT
@notice Opens the arithmetic of `risk_arrays` to tests; the cost of an array is what `array` takes beyond `base`.
"""

from peersettle.contracts.modules import risk_arrays


@external
@pure
def array(
    kind: uint256,
    strike: uint256,
    forward: uint256,
    parameters: uint256,
    shock: uint256,
    step: uint256,
    full: uint256,
    lane_bits: uint256,
) -> uint256:
    return risk_arrays._array(kind, strike, forward, parameters, risk_arrays._scan_of(shock, step, full, lane_bits))


@external
@pure
def base(
    kind: uint256,
    strike: uint256,
    forward: uint256,
    parameters: uint256,
    shock: uint256,
    step: uint256,
    full: uint256,
    lane_bits: uint256,
) -> uint256:
    """
    @notice What the arrays of one expiry share.
    """
    return risk_arrays._scan_of(shock, step, full, lane_bits).rise


@external
@pure
def scan_of(shock: uint256, step: uint256, full: uint256, lane_bits: uint256) -> risk_arrays.Scan:
    return risk_arrays._scan_of(shock, step, full, lane_bits)


@external
@pure
def mark(price: uint256, intrinsic: uint256) -> uint256:
    return risk_arrays._mark(price, intrinsic)


@external
@pure
def short_code(now: uint256, worst: uint256, extreme: uint256, full: uint256) -> uint256:
    """
    @notice With none of the scan in use.
    """
    return risk_arrays._short_code(now, worst, extreme, risk_arrays._scan_of(0, 0, full, 12))


@external
@pure
def deviation(parameters: uint256, moneyness: int256) -> uint256:
    return risk_arrays._deviation(parameters, moneyness)


@external
@pure
def forward_of(parameters: uint256) -> uint256:
    return risk_arrays._forward(parameters)


@external
@pure
def tenor_shock(shock: uint256, seconds_left: uint256) -> uint256:
    return risk_arrays._tenor_shock(shock, seconds_left)
