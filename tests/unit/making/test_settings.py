"""The table [making] becomes a strategy, and what cannot be meant is refused."""

import subprocess
import sys
from decimal import Decimal

import pytest
from tests.unit.making.world import TAKER

from peersettle.config import load_settings
from peersettle.config.making import MakingSettings
from peersettle.errors import ConfigError
from peersettle.making import Policy, SpreadStrategy


def loaded(tmp_path, text, environ=None):
    file = tmp_path / "peersettle.toml"
    file.write_text(text)
    return load_settings(file, environ or {}).settings.making


def test_without_a_table_nothing_is_traded():
    assert MakingSettings().policy == Policy()
    assert Policy().max_exposure == Policy().max_delta == Policy().max_vega == 0


def test_from_a_file_and_the_environment(tmp_path):
    text = f"""
    [making]
    spread_basis_points = 7.5
    max_delta = 250000
    max_exposure = "100000.5"
    takers = ["{TAKER.lower()}"]
    markets = ["ETH"]
    targets.ETH = -2.5
    parts = [10000, 2500]
    """
    policy = loaded(tmp_path, text, {"PEERSETTLE__MAKING__QUOTE_LIFE": "40"}).policy
    assert policy.spread_basis_points == Decimal("7.5")
    assert (policy.max_delta, policy.max_exposure, policy.max_notional) == (250_000, Decimal("100000.5"), 100_000.5)
    assert policy.max_total_exposure == 1_000_005
    assert policy.takers == {TAKER}
    assert policy.targets == {"ETH": Decimal("-2.5")}
    assert (policy.parts, policy.quote_life) == ((10_000, 2_500), 40)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spread_basis_points = -1", "making.spread_basis_points: Input should be greater than or equal to 0"),
        ("quote_life = 0", "making.quote_life: Input should be greater than 0"),
        ("spread = 1", "making.spread: is not a setting"),
        ('takers = ["0x12"]', "making.takers.0: give an address"),
        ("parts = [20000]", "from 1 to 10000 basis points"),
        ("min_notional = 5\nmax_notional = 4", "must not be above max_notional, 4"),
        ("options = {a = 1}", "options are of a strategy of your own"),
        ('strategy = "a:B"\nmax_vega = 3', "max_vega: the built-in strategy's"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, f"[making]\n{text}\n")
    assert said in raised.value.message


def test_the_built_in_strategy_is_built(tmp_path):
    built = loaded(tmp_path, "[making]\nmax_vega = 3\n").build()
    assert isinstance(built, SpreadStrategy)
    assert built.policy.max_vega == 3


def test_a_strategy_of_ones_own_is_built_with_its_options(tmp_path):
    (tmp_path / "own.py").write_text(
        "class Own:\n"
        "    def __init__(self, edge): self.edge = edge\n"
        "    def quote(self, inquiry, book): ...\n"
        "    def last_look(self, inquiry, price, book): ...\n"
    )
    text = f'[making]\nstrategy = "{tmp_path}/own.py:Own"\noptions = {{ edge = 3 }}\n'
    assert vars(loaded(tmp_path, text).build()) == {"edge": 3}
    with pytest.raises(ConfigError, match=r"making\.strategy: Own cannot be built"):
        loaded(tmp_path, text.replace("edge", "hedge")).build()


def test_settings_are_read_without_numpy():
    code = "import sys, peersettle.config.making as m; m.MakingSettings(max_delta=1); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
