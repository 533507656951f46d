# pragma version 0.4.3
# pragma optimize gas
# pragma evm-version cancun
"""
@title Risk
@license MIT
@notice Values positions and says what they must be covered with: risk arrays by Black-76, computed on chain by anybody and once for all.
@dev How do you stop this? Nobody can. It holds nothing, has no owner, and reads only the Oracle, the Parameters and the backstop's capital.
     Its one Ledger counts open risk in it and has it fix expiries.
"""

from .interfaces import IAuction
from .interfaces import IBackstop
from .interfaces import IOracle
from .interfaces import IParameters
from .interfaces import IRisk
from .modules import fixings
from .modules import open_risk
from .modules import requirements
from .modules import sheets
from .modules import snapshots

implements: IRisk

initializes: snapshots
initializes: fixings[snapshots := snapshots]
initializes: open_risk[snapshots := snapshots]
initializes: requirements[fixings := fixings, snapshots := snapshots]
initializes: sheets[fixings := fixings, requirements := requirements, snapshots := snapshots]

exports: snapshots.refresh

LEDGER: immutable(address)


@deploy
def __init__(ledger: address, oracle: IOracle, parameters: IParameters, backstop: IBackstop, auction: IAuction):
    """
    @param ledger The Ledger that will be deployed to this address.
    """
    LEDGER = ledger
    snapshots.__init__(oracle, parameters, backstop, auction)


# Arrays


@external
@view
def array(market: uint256, series: uint256) -> uint256:
    return snapshots.arrays[(market << 36) | series]


@external
@view
def snapshot(market: uint256) -> (uint256, uint256, uint256):
    state: uint256 = snapshots.states[market]
    limits: uint256 = snapshots.limits[market]
    ones: uint256 = snapshots.ones[market]
    return (
        (state & (2**140 - 1)) | ((limits & snapshots.TIME_MASK) << 140) | (((limits >> 32) & (2**56 - 1)) << 172),
        snapshots._parameters(market)
        | (((state >> snapshots.COARSE) & 1) << 248)
        | (((state >> snapshots.TICK) & 31) << 250),
        (ones & snapshots.ONES_MASK) | (((state >> snapshots.LOT) & 31) << 196),
    )


@external
@view
def slice(market: uint256, day: uint256) -> uint256:
    return snapshots.slices[(market << 14) | day]


@external
@view
def spot(market: uint256) -> uint256:
    reading: IOracle.Reading = snapshots._spot(market)
    if snapshots._usable(reading, snapshots.states[market]):
        return reading.value
    return 0


# The requirement


@external
@view
def assess(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> IRisk.Assessment:
    return requirements._assess(market, header, words)


@external
def commit(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> (IRisk.Assessment, uint256):
    assert msg.sender == LEDGER, "ledger"
    assessment: IRisk.Assessment = requirements._assess(market, header, words)
    counted: uint256 = open_risk._count(market, header, assessment.requirement)
    addition: uint256 = (counted >> 8) & open_risk.STORED_MASK
    before: uint256 = (header >> 8) & open_risk.STORED_MASK
    if addition > before:
        assessment.initial += (addition - before) * open_risk.UNIT
    return assessment, counted


@external
def forget(market: uint256, header: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    assert header & 255 == 0, "positions"
    return open_risk._count(market, header, 0)


@external
@view
def sides(market: uint256, header: uint256, words: DynArray[uint256, 8]) -> (uint256, uint256):
    return sheets._sides(market, header, words)


# Liquidation


@external
def doubt(market: uint256, on: bool):
    assert msg.sender == snapshots.AUCTION.address, "auction"
    snapshots.doubted[market] = on


@external
@view
def candidate(market: uint256) -> uint256:
    return snapshots._spot(market).candidate


# Fixings


@external
def fix(market: uint256, day: uint256) -> uint256:
    assert msg.sender == LEDGER, "ledger"
    return fixings._fix(market, day)


@external
@view
def fixing(market: uint256, day: uint256) -> uint256:
    return fixings.records[(market << 14) | day] & fixings.PRICE_MASK


@external
@view
def fixed_at(market: uint256, day: uint256) -> uint256:
    return fixings.records[(market << 14) | day] >> 88
