"""A strategy of one's own is found by its name, and what it lacks is said."""

import sys

import pytest

from peersettle.errors import ConfigError
from peersettle.making import SpreadStrategy, Strategy, load_strategy
from peersettle.making.loading import check_strategy

GOOD = """
from dataclasses import dataclass
from peersettle.making import No

@dataclass
class Never:
    why: str = "closed"
    def quote(self, inquiry, book):
        return No("closed", self.why)
    def last_look(self, inquiry, price, book):
        return None

class Late:
    async def quote(self, inquiry, book): ...
    def last_look(self, inquiry, price): ...

class Empty:
    quote = 5

class Broken(Never):
    def __init__(self): raise OSError("no disk")

def function(): ...
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    yield path
    sys.modules.pop("peersettle_strategy_mine", None)


def test_from_a_file_with_options(file):
    built = load_strategy(f"{file}:Never", {"why": "lunch"})
    assert isinstance(built, Strategy)
    assert vars(built) == {"why": "lunch"}


def test_from_a_module(file, monkeypatch):
    monkeypatch.syspath_prepend(file.parent)
    assert vars(load_strategy("mine:Never")) == {"why": "closed"}
    monkeypatch.delitem(sys.modules, "mine")


def test_the_built_in_one_is_a_strategy():
    check_strategy(SpreadStrategy)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Never", "give path/to/file.py:Class or package.module:Class"),
        ("{file}:", "give path/to/file.py:Class"),
        ("{file}x.py:Never", "there is no file"),
        ("no_such_package.strategies:Never", "there is no module no_such_package.strategies"),
        ("{file}:Other", "no class Other; it has Broken, Empty, Late, Never"),
        ("{file}:function", "no class function"),
        ("{file}:Late", "quote is asynchronous; it must answer at once; last_look(self, inquiry, price) should be"),
        ("{file}:Empty", "quote is no method; it needs quote(self, inquiry, book); it lacks last_look(self, inquiry,"),
        ("{file}:Broken", "could not be built: OSError: no disk"),
    ],
)
def test_what_is_missing_is_said(file, name, said):
    with pytest.raises(ConfigError) as raised:
        load_strategy(name.format(file=file))
    assert said in raised.value.message


def test_options_that_do_not_fit_are_named(file):
    with pytest.raises(ConfigError, match="unexpected keyword argument 'whom'"):
        load_strategy(f"{file}:Never", {"whom": 1})


@pytest.mark.parametrize(
    ("text", "said"),
    [("1 +", "SyntaxError"), ("import no_such_package", "needs the module no_such_package"), ("1 / 0", "ZeroDivision")],
)
def test_a_file_that_cannot_be_imported_is_named_and_forgotten(file, text, said):
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_strategy(f"{file}:Never")
    assert "peersettle_strategy_mine" not in sys.modules
