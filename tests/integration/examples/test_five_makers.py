"""The example of five makers: each is best at something, and the best price wins."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "five_makers.py"


def test_the_best_of_five_prices_wins_and_every_trade_settles():
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    makers = head.split()[4:9]
    rows = [line.split() for line in lines if "settled in block" in line]
    assert len(rows) == 5
    for side, _, _, *said in rows:
        prices = {maker: float(price) for maker, price in zip(makers, said[:5], strict=True) if price != "no"}
        assert len(prices) > 1
        best = min if side == "buy" else max
        assert said[5] == best(prices, key=prices.__getitem__)
    assert {row[8] for row in rows} == set(makers), "every maker wins once"
    assert len({row[-1] for row in rows}) == 5, "each has a block of its own"
