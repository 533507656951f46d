"""The contracts with one rule taken out, so that a test can show what the rule is for.

    planted(stage, RULES["gain cap"])

puts the code without that rule where the contract stands; balances and positions stay.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import boa
from boa.contracts.vyper.vyper_contract import VyperDeployer
from boa.interpret import set_search_paths
from tests.contracts.margin.stage import Stage
from tests.contracts.mocks import SOURCE

CONTRACTS: Final = Path("peersettle", "contracts")


@dataclass(frozen=True)
class Rule:
    """Text of a source that must be there once, and what stands there when the rule is taken out."""

    contract: str
    """The contract to compile again."""
    source: str
    """The file, in the folder of the contracts."""
    text: str
    instead: str = ""
    also: tuple[str, str, str] | None = None
    """A file, one more text and what stands there instead, where the rule is held twice."""
    appended: str = ""
    """What the rest needs, at the end of the file."""


@cache
def _compiled(rule: Rule) -> VyperDeployer:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, CONTRACTS)
        shutil.copytree(SOURCE / CONTRACTS, copy, ignore=shutil.ignore_patterns("artifacts", "__pycache__"))
        for name, text, instead in [(rule.source, rule.text, rule.instead), *([rule.also] if rule.also else [])]:
            source = (copy / name).read_text()
            found = source.count(text)
            assert found == 1, f"{name} has {found} times: {text}"
            (copy / name).write_text(source.replace(text, instead))
        with (copy / rule.source).open("a") as file:
            file.write(rule.appended)
        try:
            set_search_paths([folder])
            compiled = boa.load_partial(str(copy / f"{rule.contract}.vy"))
            compiled.compiler_data.bytecode  # noqa: B018 (compiles while the files are there)
        finally:
            set_search_paths([str(SOURCE)])
        return compiled


def planted(stage: Stage, rule: Rule) -> None:
    """From now on the stage's contract is without a rule."""
    arguments = {
        "Risk": (stage.ledger.address, stage.oracle, stage.parameters, stage.pool, stage.auction),
        "Ledger": (stage.settlement, stage.risk, stage.parameters, stage.pool, stage.auction, stage.cash),
        "Auction": (stage.ledger.address, stage.risk, stage.pool),
        "Backstop": (stage.ledger.address, stage.auction.address, stage.cash),
    }[rule.contract]
    standing = {"Risk": stage.risk, "Ledger": stage.ledger, "Auction": stage.auction, "Backstop": stage.pool}[
        rule.contract
    ]
    twin = _compiled(rule).deploy(*arguments)
    boa.env.set_code(standing.address, boa.env.get_code(twin.address))
