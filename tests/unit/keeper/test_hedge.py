"""A command is told of a purchase on stdin, and what goes wrong with it is said."""

import json
import sys

import pytest

from peersettle.keeper.hedge import Command, HedgeFailed

PURCHASE = {"tx_hash": "0x1", "positions": [{"market": 0, "series": 5, "lots": -3}]}


def python(code, *arguments, timeout=20.0):
    return Command([sys.executable, "-c", code, *arguments], timeout)


def test_it_gets_the_purchase_as_json(tmp_path):
    where = tmp_path / "told"
    python("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", str(where))(PURCHASE)
    assert json.loads(where.read_text()) == PURCHASE


def test_a_code_other_than_zero_is_a_failure_with_its_last_words():
    with pytest.raises(HedgeFailed, match=r"ended with 3: no venue"):
        python("import sys; sys.stderr.write('no venue'); sys.exit(3)")(PURCHASE)


def test_one_that_hangs_or_is_missing_is_a_failure():
    with pytest.raises(HedgeFailed, match="TimeoutExpired"):
        python("import time; time.sleep(60)", timeout=0.2)(PURCHASE)
    with pytest.raises(HedgeFailed, match="FileNotFoundError"):
        Command(["/nowhere/hedge"])(PURCHASE)
