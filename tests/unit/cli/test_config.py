"""Settings: environment over file over defaults, each with its source; what is unknown or wrong is named."""

from pathlib import Path

import pytest

from peersettle.config import load_settings, mask_url, parse_duration
from peersettle.errors import ConfigError, InvalidField

TOKEN = "0x000000000022D473030F116dDEE9F6B43aC78BA3"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *_, **__: str(tmp_path / "user"))
    return tmp_path / "settings.toml"


def test_environment_over_file_over_defaults(file):
    file.write_text('[chain]\nurl = "http://file"\nexpected_id = 5\n')
    environ = {"PEERSETTLE__CHAIN__URL": "http://variable"}
    loaded = load_settings(file, environ)
    assert loaded.settings.chain.url == "http://variable"
    assert loaded.settings.chain.expected_id == 5
    sources = {item.name: item.source for item in loaded.describe()}
    assert sources["chain.url"] == "PEERSETTLE__CHAIN__URL"
    assert sources["chain.expected_id"] == str(file)
    assert sources["chain.timeout"] == "default"


def test_the_file_is_found_by_option_variable_place_and_user_directory(file):
    def url(path=None, **environ):
        return load_settings(path, environ).settings.chain.url

    home = file.parent / "user" / "config.toml"
    home.parent.mkdir()
    home.write_text('[chain]\nurl = "http://user"\n')
    assert url() == "http://user"
    Path("peersettle.toml").write_text('[chain]\nurl = "http://here"\n')
    assert url() == "http://here"
    named = file.parent / "named.toml"
    named.write_text('[chain]\nurl = "http://named"\n')
    assert url(PEERSETTLE_CONFIG=str(named)) == "http://named"
    file.write_text('[chain]\nurl = "http://option"\n')
    assert url(file, PEERSETTLE_CONFIG=str(named)) == "http://option"


def test_tokens_are_named_by_chain_whatever_the_case(file):
    file.write_text(f'[tokens.31337]\nUSDC = "{TOKEN}"\n')
    other = "0x" + "11" * 20
    loaded = load_settings(file, {"PEERSETTLE__TOKENS__31337__USDC": other})
    assert loaded.settings.tokens_on(31337) == {"USDC": other}
    assert loaded.settings.tokens_on(1) == {}


@pytest.mark.parametrize(
    ("text", "environ", "named"),
    [
        ("[chain]\nurll = 'x'", {}, "chain.urll"),
        ("[chian]\nurl = 'x'", {}, "chian"),
        ("[chain]\nexpected_id = 0", {}, "chain.expected_id"),
        ("[chain]\nurl = 'ftp://x'", {}, "chain.url"),
        ("[signer]\nkind = 'magic'", {}, "signer.kind"),
        ("[signer]\naddress = '0x12'", {}, "signer.address"),
        ("[defaults]\nquote_life = '10 minutes'", {}, "defaults.quote_life"),
        (f"[tokens.1]\nUSDC = '{TOKEN[:-1]}4'", {}, "tokens.1.USDC"),
        ("", {"PEERSETTLE__CHAIN__URLL": "x"}, "chain.urll"),
        ("", {"PEERSETTLE__CHIAN__URL": "x"}, "PEERSETTLE__CHIAN__URL"),
        ("", {"PEERSETTLE__CHAIN": "not json"}, "chain"),
        ("chain = [", {}, "settings.toml"),
    ],
)
def test_an_unknown_key_or_a_wrong_value_is_named(file, text, environ, named):
    file.write_text(text)
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        load_settings(file, environ)


def test_a_named_file_must_exist(file):
    with pytest.raises(ConfigError, match="no configuration file"):
        load_settings(file, {})
    with pytest.raises(ConfigError, match="no configuration file"):
        load_settings(None, {"PEERSETTLE_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://host/v3/0123456789abcdef", "https://host/***"),
        ("https://host/?key=0123", "https://host/***"),
        ("https://me:secret@host:99/", "https://***@host:99"),
        ("postgresql://me:secret@host/trades", "postgresql://***@host/***"),
    ],
)
def test_what_may_be_secret_in_a_url_is_masked(url, shown):
    assert mask_url(url) == shown


def test_config_show_masks_and_tells_sources(user, monkeypatch):
    monkeypatch.setenv("PEERSETTLE__CHAIN__URL", "https://me:hunter22@host/v3/topsecret")
    result = user.run("config", "show", "--json")
    assert result.json["settings"]["chain.url"] == {
        "value": "https://***@host/***",
        "source": "PEERSETTLE__CHAIN__URL",
    }
    for text in (result.out, user.run("config", "show").out):
        assert "hunter22" not in text
        assert "topsecret" not in text


def test_a_wrong_setting_fails_every_command_with_6(user, monkeypatch):
    monkeypatch.setenv("PEERSETTLE__CHAIN__URLL", "x")
    for command in (["config", "show"], ["keys", "list"], ["trades"]):
        assert user.run(*command).code == 6


def test_durations():
    assert [parse_duration(text) for text in ("90s", "10m", "2h", "1d")] == [90, 600, 7200, 86400]
    for text in ("", "m", "10", "-1m", "0m", "1.5h", "10 m", "²s", "1y"):
        with pytest.raises(InvalidField):
            parse_duration(text)
