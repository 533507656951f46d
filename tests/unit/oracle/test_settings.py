"""The table [oracle]: what it means, and what is refused by name."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.oracle.world import ManualClock

from peersettle.config import load_settings
from peersettle.errors import ConfigError
from peersettle.oracle.daemon import World, http_session, observers_of, rules_of
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.sources import uses_chain
from peersettle.reports import Feed

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "run-a-reporter.md"
FEED = '[[oracle.feeds]]\nname = "ETH/USD"\n'
SOURCE = '[[oracle.feeds.sources]]\nkind = "preset"\nbase = "ETH"\nquote = "USD"\n'


def load(tmp_path, text, **environ):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return load_settings(file, environ)


def observers(settings):
    async def build():
        async with http_session() as session:
            world = World(no_chain, ManualClock(), lambda: 0.0)
            return observers_of(settings.oracle, session, world, Metrics())

    return asyncio.run(build())


def no_chain():
    raise AssertionError("no source reads a contract")


def test_the_guides_example_is_a_configuration_that_works(tmp_path):
    example = GUIDE.read_text().split("```toml\n")[1].split("```")[0]
    settings = load(tmp_path, example).settings
    chains = [source for feed in settings.oracle.feeds for source in feed.sources if uses_chain(source)]
    assert chains
    plain = [
        feed.model_copy(update={"sources": tuple(s for s in feed.sources if not uses_chain(s))})
        for feed in settings.oracle.feeds
    ]
    oracle = settings.oracle.model_copy(update={"feeds": tuple(plain)})
    built = observers(settings.model_copy(update={"oracle": oracle}))
    assert {len({source.source_class for source in each.sources}) >= 3 for each in built} == {True}


def test_every_preset_and_metric_is_in_the_guide():
    from peersettle.oracle.sources import PRESETS

    text = GUIDE.read_text()
    for name in PRESETS:
        assert f"`{name}`" in text
    for line in Metrics().text().decode().splitlines():
        if line.startswith("# TYPE") and not line.split()[2].endswith("_created"):
            assert f"`{line.split()[2].removeprefix('peersettle_oracle_').removesuffix('_total')}`" in text


def test_without_the_table_there_are_defaults(tmp_path):
    oracle = load(tmp_path, "").settings.oracle
    assert oracle.address == ("127.0.0.1", 9480)
    assert oracle.feeds == ()
    assert rules_of(oracle).min_classes == 3
    with pytest.raises(ConfigError, match="name no feed"):
        observers(load(tmp_path, "").settings)


def test_a_feeds_rules_are_its_id(tmp_path):
    text = FEED + "slot = 60\nmax_age = 300\njump_rate = 500\njump_cap = 20000\n"
    (item,) = load(tmp_path, text).settings.oracle.feeds
    assert item.feed == Feed("ETH/USD", 60, 300, 500, 20_000)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FEED + "slots = 5", "oracle.feeds.0.slots"),
        (FEED + "slot = 0", "oracle.feeds.0"),
        (FEED + "slot = 60\nmax_age = 30", "oracle.feeds.0"),
        (FEED.replace("ETH/USD", "a name that is far too long"), "oracle.feeds.0"),
        (FEED + FEED, "the same feed"),
        (FEED + SOURCE, "preset"),
        (FEED + SOURCE.replace('"preset"', '"magic"'), "oracle.feeds.0.sources.0"),
        (FEED + SOURCE + 'preset = "okx"\nbase_url = 1', "base_url"),
        (FEED + '[[oracle.feeds.sources]]\nkind = "http"\nurl = "http://x"\npath = "a"', "class"),
        (FEED + '[[oracle.feeds.sources]]\nkind = "http"\nclass = "A B"\nurl = "http://x"\npath = "a"', "class"),
        (FEED + '[[oracle.feeds.sources]]\nkind = "http"\nclass = "a"\nurl = "ftp://x"\npath = "a"', "url"),
        (FEED + '[[oracle.feeds.sources]]\nkind = "aggregator"\naddress = "0x12"', "address"),
        ('[oracle]\nlisten = "nowhere"', "listen"),
        ('[oracle]\npeers = ["peer"]', "oracle.peers.0"),
        ("[oracle]\nmin_classes = 2", "oracle.min_classes"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, named):
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ('preset = "mtgox"', "mtgox"),
        ('preset = "okx"', "1 classes"),
        ('preset = "okx"\n' + SOURCE + 'preset = "okx"', "one name"),
    ],
)
def test_sources_that_can_never_make_a_value_are_refused_at_the_start(tmp_path, sources, said):
    with pytest.raises(ConfigError, match=said):
        observers(load(tmp_path, FEED + SOURCE + sources).settings)


def test_what_may_be_secret_in_a_sources_url_is_masked(tmp_path):
    http = '[[oracle.feeds.sources]]\nkind = "http"\nclass = "a"\npath = "p"\nurl = "https://me:hunter22@host/v1?key=topsecret"'
    loaded = load(tmp_path, '[oracle]\npeers = ["https://peer/topsecret"]\n' + FEED + http)
    shown = repr(list(loaded.describe()))
    assert "https://***@host/***" in shown
    assert "topsecret" not in shown
    assert "hunter22" not in shown
    assert len(loaded.settings.oracle.urls()) == 2
