"""Property 10: no privileged role changes a balance or a position, or stops a withdrawal or a risk reduction.

Every function of Ledger, Risk and Parameters is called as the steward, as a stranger and as the backstop, with all that
such a caller could want to say. One is left out: the backstop may have the Ledger pay, and its code says for whom.
"""

from itertools import product

import pytest
from tests.contracts.margin.stage import CALL, DAY, Refused, Stage, day_of, packed
from tests.contracts.margin.walk import owner_of

CASH_OUT = 10**6


@pytest.fixture
def scene(margin: Stage):
    """A victim with cash, collateral and a position, and its counterparty."""
    eth = margin.markets[0]
    item = eth.id(day_of(margin.now) + 30, 3_000, CALL)
    margin.quote(eth, 3_000, item)
    victim, other = margin.newcomer(50_000, eth=2), margin.newcomer(50_000)
    assert margin.exchange(victim, other, {item: 100}) is None
    return victim, other, item


def holdings(margin: Stage, *accounts: int):
    """Cash, collateral and positions: of an account's header, not what open risk it adds."""
    return [
        (
            margin.head(one),
            [(margin.collateral(one, market), margin.positions(one, market)) for market in margin.markets],
        )
        for one in accounts
    ]


def wishes(margin: Stage, victim: int, caller: str, item: int) -> dict[str, list[object]]:
    """Values for arguments, by type."""
    eth = margin.markets[0]
    mine = int(caller, 16) << 96
    return {
        "uint256": [0, 1, victim, mine, item, packed(), 2**256 - 1],
        "address": [caller, owner_of(victim), margin.cash.address, eth.token.address],
        "bytes32": [b"\0" * 32, eth.spot_feed],
        "bool": [False, True],
        "uint256[]": [[], [victim], [item]],
        "tuple[]": [[], [(victim, mine, item, 1)], [(victim, mine, 0, 10**6)]],
        "tuple": [(eth.spot_feed, eth.surface_feed, margin.cash.address, 10**12, 10**16, 10**18)],
    }


def attempts(function, values):
    """Up to a few hundred combinations of arguments."""
    choices = [values[one["type"]] for one in function["inputs"]]
    return list(product(*choices))[:: max(1, len(list(product(*choices))) // 150)]


CHANGING = ("Ledger", "Risk", "Parameters")
TRUSTED = {("backstop", "pay")}
"""From a depositor's own account, when it deposits, and from the pool's."""


@pytest.mark.parametrize("role", ["steward", "stranger", "backstop", "oracle"])
@pytest.mark.parametrize("name", CHANGING)
def test_no_call_of_another_changes_what_an_account_has(margin: Stage, scene, role: str, name: str) -> None:
    victim, other, item = scene
    contract = {"Ledger": margin.ledger, "Risk": margin.risk, "Parameters": margin.parameters}[name]
    caller = {
        "steward": margin.steward,
        "stranger": "0x" + "5e" * 20,
        "backstop": margin.pool.address,
        "oracle": margin.oracle.address,
    }[role]
    before, values = holdings(margin, victim, other), wishes(margin, victim, caller, item)
    tried = done = 0
    for function in contract.abi:
        if function["type"] != "function" or function["stateMutability"] in ("view", "pure"):
            continue
        if (role, function["name"]) in TRUSTED:
            continue
        for arguments in attempts(function, values):
            tried += 1
            done += not isinstance(margin.call(contract, function["name"], *arguments, sender=caller), Refused)
    assert tried > 10
    assert holdings(margin, victim, other) == before
    assert_free(margin, scene)


def assert_free(margin: Stage, scene) -> None:
    """Closing and withdrawing everything go through."""
    victim, other, item = scene
    margin.quote(margin.markets[0], 3_000, item)
    assert margin.exchange(victim, other, {item: -100}) is None
    for account, token, amount in (
        (victim, margin.cash, 50_000 * 10**6),
        (victim, margin.markets[0].token, 2 * 10**18),
    ):
        owner = owner_of(account)
        arguments = (account, token.address, amount, owner)
        assert margin.call(margin.ledger, "withdraw", *arguments, sender=owner) is None


def test_the_worst_parameters_stop_neither_closing_nor_leaving(margin: Stage, scene) -> None:
    """All that tightens as far as its bounds: after delay and ramp positions still close, and what is free leaves."""
    victim, other, item = scene
    worst = {
        "scan": 32_768,
        "band": 3_276,
        "shock": 29_491,
        "basis": 3_276,
        "initial_factor": 3_000,
        "risk_rate": 65_535,
        "risk_scale": 1_000,
        "gain_cap": 0,
        "spot_age": 30,
        "surface_age": 60,
        "epoch_age": 60,
        "position_charge": 1_000_000,
    }
    margin.parameters.propose_parameters(0, packed(**worst), sender=margin.steward)
    margin.wait(3_601)
    margin.parameters.activate(0)
    for seconds in (10, 1_800, 3_600, DAY):
        margin.wait(seconds)
        margin.quote(margin.markets[0], 3_000, item)
        assert margin.exchange(victim, other, {item: -10}) is None
    margin.quote(margin.markets[0], 3_000, item)
    assert margin.exchange(victim, other, {item: -60}) is None
    owner = owner_of(victim)
    arguments = (victim, margin.cash.address, 50_000 * 10**6, owner)
    assert margin.call(margin.ledger, "withdraw", *arguments, sender=owner) is None
