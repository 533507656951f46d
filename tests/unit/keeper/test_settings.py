"""The table [keeper] becomes a policy, and what cannot be meant is refused."""

import pytest
from pydantic import ValidationError

from peersettle.config import KeeperSettings, load_settings
from peersettle.keeper.daemon import options_of, policy_of
from peersettle.types import WAD


def test_amounts_and_percentages_become_wad():
    policy = policy_of(
        KeeperSettings.model_validate(
            {
                "max_inventory": "250000.5",
                "min_edge": "12.5",
                "hedge_cost_percent": "2.5",
                "upkeep": 0,
                "max_gas_price": "80.5",
            }
        )
    )
    assert policy.limits.inventory == 250_000 * WAD + WAD // 2
    assert policy.limits.buffer == WAD // 10
    assert policy.min_edge == 25 * WAD // 2
    assert policy.hedge_rate == WAD // 40
    assert policy.upkeep == 0
    assert policy.max_gas_price == 80_500_000_000


def test_from_a_file_and_the_environment(tmp_path):
    file = tmp_path / "peersettle.toml"
    file.write_text(
        '[keeper]\nmax_inventory = 5\nsub_accounts = [0, 7]\nnative_price = 2500\nhedge = ["sh", "-c", "true"]\n'
    )
    settings = load_settings(file, {"PEERSETTLE__KEEPER__TOLERANCE_PERCENT": "3"}).settings.keeper
    options = options_of(settings)
    assert options.sub_accounts == (0, 7)
    assert options.native_price == "2500"
    assert options.tolerance == pytest.approx(0.03)
    assert settings.hedge == ("sh", "-c", "true")
    assert settings.address == ("127.0.0.1", 9481)


def test_by_default_nothing_is_bought():
    assert policy_of(KeeperSettings()).limits.inventory == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"listen": "9481"},
        {"listen": "127.0.0.1:99999"},
        {"sub_accounts": []},
        {"sub_accounts": [1, 1]},
        {"url": "ftp://node"},
        {"min_edge": -1},
        {"max_gas_price": 0},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        KeeperSettings.model_validate(wrong)
