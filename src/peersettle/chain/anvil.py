"""anvil, started and stopped by us, on the loopback address only."""

from __future__ import annotations

import atexit
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Final

from peersettle.errors import ChainError, ConfigError

VARIABLE: Final = "PEERSETTLE_ANVIL"
HOST: Final = "127.0.0.1"
_LISTENING: Final = re.compile(rf"Listening on {re.escape(HOST)}:(\d+)")
_PROJECT: Final = Path(__file__).resolve().parents[3] / "tools" / "anvil" / "node_modules"
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_PATIENCE: Final = 20.0


def find_anvil() -> Path:
    """The anvil to run: $PEERSETTLE_ANVIL, else the one on PATH, else the one this project has installed.

    Raises:
        ConfigError: none of them is there.
    """
    if named := os.environ.get(VARIABLE):
        if os.access(named, os.X_OK) and Path(named).is_file():
            return Path(named)
        raise ConfigError(f"{VARIABLE} is {named}, which is no program", variable=VARIABLE)
    if found := shutil.which("anvil"):
        return Path(found)
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    program = _PROJECT / "@foundry-rs" / f"anvil-{platform.system().lower()}-{machine}" / "bin" / "anvil"
    if program.is_file():
        return program
    raise ConfigError(
        "anvil is not installed; run `npm install -g @foundry-rs/anvil`, or in a checkout "
        f"`npm ci --prefix tools/anvil`, or set {VARIABLE} to the program"
    )


class Anvil:
    """One anvil process: `with Anvil() as anvil: connect(anvil.url)`.

    `port` 0 takes a free one. `block_time` mines every so many seconds instead of at every transaction; with
    `mining` false only `evm_mine` does. `state_path` keeps the chain from one run to the next. There are no
    accounts to begin with: use `peersettle.chain.fund`.
    """

    def __init__(
        self,
        port: int = 0,
        chain_id: int = 31337,
        block_time: int | None = None,
        state_path: str | Path | None = None,
        hardfork: str = "prague",
        *,
        mining: bool = True,
        program: str | Path | None = None,
        extra: tuple[str, ...] = (),
    ) -> None:
        self.chain_id: Final = chain_id
        self._program = program
        self._arguments = [
            "--host",
            HOST,
            "--port",
            str(port),
            "--chain-id",
            str(chain_id),
            "--accounts",
            "0",
        ]
        self._arguments += ["--hardfork", hardfork]
        if block_time is not None:
            self._arguments += ["--block-time", str(block_time)]
        if not mining:
            self._arguments += ["--no-mining"]
        if state_path is not None:
            self._arguments += ["--state", str(state_path)]
        self._arguments += extra
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        self._running()
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    def start(self) -> Anvil:
        """Start it and wait until it answers.

        Raises:
            ConfigError: anvil is not installed.
            ChainError: it ended at once, as for a port in use; its last words are in the message.
        """
        if self._process is not None:
            return self
        program = str(self._program or find_anvil())
        # A file, not a pipe: a pipe that nobody reads would stop it in the end.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `stop`
        self._process = subprocess.Popen(
            [program, *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt at the terminal is ours to pass on
        )
        atexit.register(self.stop)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            if match := _LISTENING.search(self._said()):
                self._port = int(match.group(1))
                return self
            if ended:
                break
            time.sleep(0.02)
        last_words = " | ".join(self._said().strip().splitlines()[-3:])
        self.stop()
        raise ChainError(f"anvil did not start: {last_words or f'nothing heard in {_PATIENCE:g} s'}")

    def stop(self) -> None:
        """End this process, and no other; again does nothing."""
        process, self._process = self._process, None
        atexit.unregister(self.stop)
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._output is not None:
            self._output.close()
            self._output = None

    def detach(self) -> int:
        """Let it run on after this process; its process id, which is the caller's to remember."""
        process, self._process = self._running(), None
        atexit.unregister(self.stop)
        process.returncode = 0  # or the interpreter warns that it still runs
        self.stop()
        return process.pid

    def __enter__(self) -> Anvil:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ChainError("anvil is not running; call start")
        return self._process

    def _said(self) -> str:
        assert self._output is not None
        descriptor = self._output.fileno()
        # The offset is shared with the process: reading must not move it.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")
