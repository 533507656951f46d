"""The development chain that `peersettle chain up` starts: one anvil, remembered in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from peersettle.errors import ChainError, ConfigError, PeerSettleError

FILE: Final = "chain.json"
_PATIENCE: Final = 15.0


@dataclass(frozen=True, slots=True)
class Devnet:
    """A running anvil that we started. `identity` tells its process from a later one with the same id."""

    pid: int
    url: str
    chain_id: int
    identity: str


def running(state: Path) -> Devnet | None:
    """The anvil that we started, if it still runs; a record of one that has ended is removed."""
    path = state / FILE
    try:
        known = Devnet(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", next_step=f"remove {path}") from None
    if _identity(known.pid) == known.identity:
        return known
    path.unlink(missing_ok=True)
    return None


def up(state: Path, port: int, block_time: int | None, chain_state: Path | None, chain_id: int) -> tuple[Devnet, bool]:
    """Start anvil in the background, unless it runs already; whether it was started now.

    Raises:
        ChainError: it did not start, or one of ours runs on another port or chain id.
        ConfigError: anvil is not installed.
    """
    from peersettle.chain import Anvil

    known = running(state)
    if known is not None:
        if known.url.endswith(f":{port}") and known.chain_id == chain_id:
            return known, False
        raise ChainError(
            f"a chain runs already: {known.url}, chain {known.chain_id}, process {known.pid}",
            next_step="use it, or end it first: peersettle chain down",
        )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    anvil = Anvil(port, chain_id, block_time, chain_state).start()
    started = Devnet(anvil.pid, anvil.url, chain_id, _identity(anvil.pid))
    try:
        _wait_until_it_answers(started)
        draft = state / f"{FILE}.new"
        draft.write_text(json.dumps(asdict(started), indent=2) + "\n")
        draft.replace(state / FILE)
        anvil.detach()  # it outlives this process; `down` ends it
    except BaseException:  # nobody would know of it: end it
        anvil.stop()
        raise
    return started, True


def down(state: Path) -> Devnet | None:
    """End the anvil that we started, and no other process; None when there is none.

    Raises:
        ChainError: it does not end.
    """
    known = running(state)
    if known is None:
        return None
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(known.pid, number)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if _identity(known.pid) != known.identity:
                (state / FILE).unlink(missing_ok=True)
                return known
            time.sleep(0.05)
    raise ChainError(f"process {known.pid} does not end", pid=known.pid)


def _wait_until_it_answers(devnet: Devnet) -> None:
    from peersettle.chain import connect

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connect(devnet.url, expect_chain_id=devnet.chain_id, attempts=1).close()
            return
        except PeerSettleError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _identity(pid: int) -> str:
    """Start time and command of a process; empty when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return _identity_from_ps(pid) if not Path("/proc/self/stat").exists() else ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else f"{fields[19]} {command.strip()}"


def _identity_from_ps(pid: int) -> str:
    command = ["ps", "-o", "lstart=", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
