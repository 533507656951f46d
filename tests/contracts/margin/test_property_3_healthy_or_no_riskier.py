"""Property 3: after every call an account has its initial margin, or is no riskier than it was."""

from dataclasses import dataclass

import pytest
from tests.contracts.margin.stage import Refused, Stage
from tests.contracts.margin.walk import Walk, cash_of

from peersettle.risk.assessments import Assessment

PART = 20


@dataclass(frozen=True)
class Condition:
    """What an account has and needs, as anybody can read it."""

    equity: int
    initial: int
    cash: int
    plain: bool
    markets: tuple[Assessment, ...]

    @classmethod
    def of(cls, stage: Stage, account: int) -> "Condition | None":
        """None where an array is missing."""
        found = [stage.assess(account, market) for market in stage.markets[:2]]
        health = stage.health(account)
        if isinstance(health, Refused):
            return None
        held = any(stage.positions(account, market) for market in stage.markets[:2])
        cash = cash_of(stage, account)
        needed = health[2] + sum(one.candidate_loss for one in found)
        return cls(health[0], needed, cash, cash >= 0 and not held, tuple(found))

    @property
    def requirement(self) -> int:
        return sum(one.requirement for one in self.markets)


def no_riskier(before: Condition, after: Condition) -> bool:
    """The rule, from what can be read: it may be stricter than that the market was traded, never laxer."""
    for was, now in zip(before.markets, after.markets, strict=True):
        if now.requirement > was.requirement or now.short_lots > was.short_lots:
            return False
    removed = before.requirement - after.requirement
    gained = after.equity - before.equity
    if gained < -removed // PART - 1:
        return False
    return before.equity <= 0 or after.equity * before.requirement >= before.equity * after.requirement


@pytest.mark.parametrize("seed", range(10, 13))
def test_after_every_trade_and_withdrawal(margin: Stage, seed: int) -> None:
    walk = Walk(margin, seed)
    judged = rescued = 0
    for _ in range(45):
        verb = walk.random.choices(("trade", "withdraw", "price", "expire"), weights=(10, 3, 4, 1))[0]
        if verb in ("price", "expire"):
            getattr(walk, f"_{verb}")()
            continue
        state = walk.random.getstate()
        if verb == "trade":
            walk.prepare_trade()
        walk.random.setstate(state)
        before = {account: Condition.of(margin, account) for account in walk.accounts}
        arguments, answer = getattr(walk, f"_{verb}")()
        after = {account: Condition.of(margin, account) for account in walk.accounts}
        if isinstance(answer, Refused):
            assert after == before
            continue
        for account in arguments[: 2 if verb == "trade" else 1]:
            now, was = after[account], before[account]
            assert now is not None
            assert was is not None
            assert now.cash >= min(was.cash, 0)
            judged += 1
            if not now.plain and now.equity < now.initial:
                assert no_riskier(was, now)
                rescued += 1
    assert judged > 20


def test_every_verb_that_lowers_an_account_is_judged(margin: Stage) -> None:
    """There are three; all others only add, or pay what an expiry made due, or belong to a liquidation."""
    lowering = {"withdraw", "settle_positions", "expire"}
    adding = {"credit", "fix", "grant"}
    liquidating = {"shift", "swap", "recount", "bar", "pay"}
    changing = {
        one["name"] for one in margin.ledger.abi if one["type"] == "function" and one["stateMutability"] != "view"
    }
    assert changing == lowering | adding | liquidating
