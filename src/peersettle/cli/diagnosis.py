"""The checks of `peersettle doctor`, each by itself: one that fails leaves the others to speak."""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from peersettle.cli.failures import failure
from peersettle.cli.invocation import Invocation
from peersettle.errors import ConfigError, NotDeployed, PeerSettleError

CLOCK_SKEW = 120
"""Seconds between this clock and the chain's beyond which deadlines surprise people."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    state: Literal["ok", "note", "bad"]
    found: str
    next_step: str = ""


def diagnose(run: Invocation) -> list[Finding]:
    """Every check, in the order in which one depends on the other."""
    checks: tuple[tuple[str, Callable[[Invocation], Iterator[Finding]]], ...] = (
        ("python", _python),
        ("settings", _settings),
        ("keystore", _keystore),
        ("record", _store),
        ("anvil", _anvil),
        ("chain", _chain),
        ("contracts", _contracts),
    )
    findings: list[Finding] = []
    for name, check in checks:
        try:
            findings += check(run)
        except PeerSettleError as error:
            said = failure(error)
            findings.append(Finding(name, "bad", said.message, said.next_step))
            if isinstance(error, ConfigError) and name == "settings":
                break
            if name == "chain":
                break
    return findings


def _python(run: Invocation) -> Iterator[Finding]:
    del run
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", "ok" if fits else "bad", version, "" if fits else "use Python 3.11, 3.12 or 3.13")


def _settings(run: Invocation) -> Iterator[Finding]:
    yield Finding("settings", "ok", str(run.loaded.path or "defaults and environment"))


def _keystore(run: Invocation) -> Iterator[Finding]:
    keystore = run.desk.keystore
    records = keystore.records()
    if not records:
        yield Finding("keystore", "note", f"no keys in {keystore.directory}", "peersettle keys new NAME")
        return
    open_to_others = [record.path for record in records if not record.is_private]
    if stat.S_IMODE(keystore.directory.stat().st_mode) & 0o077:
        open_to_others.insert(0, keystore.directory)
    if open_to_others:
        names = " ".join(map(str, open_to_others))
        yield Finding("keystore", "bad", "others can read it", f"chmod go-rwx {names}")
    else:
        yield Finding("keystore", "ok", f"{len(records)} in {keystore.directory}")


def _store(run: Invocation) -> Iterator[Finding]:
    trades = run.desk.store.trades()
    yield Finding("record", "ok", f"{len(trades)} documents")


def _anvil(run: Invocation) -> Iterator[Finding]:
    from peersettle.chain.anvil import find_anvil
    from peersettle.cli import devnet

    try:
        program = find_anvil()
    except ConfigError as error:
        yield Finding("anvil", "note", "not installed; only development needs it", error.message)
        return
    ours = devnet.running(run.loaded.settings.paths.state)
    yield Finding("anvil", "ok", f"{program}{f', ours runs at {ours.url}' if ours else ''}")


def _chain(run: Invocation) -> Iterator[Finding]:
    chain = run.desk.chain
    yield Finding("chain", "ok", f"{chain.url}, chain {chain.chain_id}, block {chain.block_number()}")
    skew = chain.block().timestamp - int(time.time())
    if abs(skew) <= CLOCK_SKEW:
        yield Finding("clock", "ok", f"{skew:+d} s against the latest block")
    elif skew < 0 and chain.chain_id in (31337, 1337):
        yield Finding("clock", "note", f"the latest block is {-skew} s old", "a development chain may stand still")
    else:
        step = "set this machine's clock (NTP), or use a node that is in step with the chain"
        yield Finding("clock", "bad", f"{skew:+d} s against the latest block", step)


def _contracts(run: Invocation) -> Iterator[Finding]:
    try:
        deployment = run.desk.deployment
    except NotDeployed as error:
        said = failure(error)
        yield Finding("contracts", "bad", said.message, said.next_step)
        return
    for name, where in (("Settlement", deployment.settlement), ("SettlementCheck", deployment.check)):
        if run.desk.chain.code(where):
            yield Finding(name, "ok", where)
        else:
            step = "the chain was started anew: peersettle deploy --again"
            yield Finding(name, "bad", f"no code at {where}", step)
