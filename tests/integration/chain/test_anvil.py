"""anvil as a process of ours."""

import os
import signal
import socket
from pathlib import Path

import pytest

from peersettle.chain import Anvil, connect, find_anvil, fund
from peersettle.chain import anvil as anvil_module
from peersettle.errors import ChainError, ConfigError, RpcUnavailable
from peersettle.types import address

SOMEBODY = address("0x" + "00" * 19 + "c3")


def test_it_listens_on_the_loopback_address_only_and_ends_with_its_block(anvil_program: Path) -> None:
    with Anvil(program=anvil_program) as anvil:
        assert anvil.url.startswith("http://127.0.0.1:")
        port, pid = int(anvil.url.rsplit(":", 1)[1]), anvil.pid
        listeners = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = [entry for entry in listeners if int(entry.split(":")[1], 16) == port]
        assert "00000000" not in {entry.split(":")[0] for entry in mine}
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ChainError, match="not running"):
        _ = anvil.url
    anvil.stop()


def test_detached_it_runs_on(anvil_program: Path) -> None:
    anvil = Anvil(program=anvil_program).start()
    url, pid = anvil.url, anvil.detach()
    try:
        anvil.stop()
        with connect(url) as chain:
            assert chain.chain_id == 31337
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def test_its_state_is_kept_from_one_run_to_the_next(tmp_path: Path, anvil_program: Path) -> None:
    path = tmp_path / "state.json"
    for expected in (0, 7):
        with Anvil(state_path=path, program=anvil_program) as anvil, connect(anvil.url) as chain:
            assert chain.balance(SOMEBODY) == expected
            fund(chain, SOMEBODY, 7)
            chain.request("evm_mine")


def test_a_port_in_use_is_reported(anvil_program: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ChainError, match=r"did not start: .*use"):
            Anvil(port=taken.getsockname()[1], program=anvil_program).start()


def test_a_missing_anvil_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PEERSETTLE_ANVIL", raising=False)
    monkeypatch.setattr(anvil_module, "_PROJECT", tmp_path)
    with pytest.raises(ConfigError, match="npm"):
        find_anvil()
    monkeypatch.setenv("PEERSETTLE_ANVIL", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="PEERSETTLE_ANVIL"):
        find_anvil()
    program = tmp_path / "anvil"
    program.touch(0o755)
    monkeypatch.setenv("PEERSETTLE_ANVIL", str(program))
    assert find_anvil() == program


def test_a_node_is_reached_over_ipc(tmp_path: Path, anvil_program: Path) -> None:
    path = tmp_path / "node.ipc"
    with pytest.raises(RpcUnavailable):
        connect(str(path))
    with Anvil(program=anvil_program, extra=("--ipc", str(path))), connect(f"ipc://{path}") as chain:
        fund(chain, SOMEBODY, 7)
        assert chain.balance(SOMEBODY) == 7
