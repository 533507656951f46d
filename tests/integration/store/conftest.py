"""A PostgreSQL server of our own, on this machine only, for as long as the tests run."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

USER = "peersettle"


def find_program(name: str) -> str | None:
    """On the path, or where Debian puts PostgreSQL's; of the newest version."""
    kept = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = sorted(kept, key=lambda path: float(path.parts[-3]), reverse=True)
    return shutil.which(name) or (str(newest[0]) if newest else None)


def other_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; then it runs as somebody with fewer rights."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def administer(port: int, statement: str) -> None:
    url = f"postgresql+pg8000://{USER}@127.0.0.1:{port}/postgres"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def await_server(process: subprocess.Popen, port: int, log: Path) -> None:
    for _ in range(300):
        try:
            administer(port, "SELECT 1")
            return
        except sa.exc.DBAPIError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def postgresql_port() -> Iterator[int]:
    """The port of a server that has just been made; skips the test where there is no PostgreSQL."""
    initdb, postgres = find_program("initdb"), find_program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("no PostgreSQL here: on Debian or Ubuntu, apt install postgresql")
    whose = other_user()
    with tempfile.TemporaryDirectory(prefix="peersettle-postgresql-") as folder:
        if whose:
            os.chown(folder, whose["user"], whose["group"])
        data, log = f"{folder}/data", Path(folder, "log")
        make = [initdb, "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder, **whose)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        with log.open("w") as output:
            run = [postgres, "-D", data, "-p", str(port), *settings]
            process = subprocess.Popen(run, stdout=output, stderr=output, cwd=folder, **whose)
            try:
                await_server(process, port, log)
                yield port
            finally:
                process.send_signal(2)  # a fast shutdown
                process.wait(30)


@pytest.fixture
def postgresql(postgresql_port: int, request: pytest.FixtureRequest) -> str:
    """The address of an empty database."""
    name = f"store_{abs(hash(request.node.nodeid)):x}"
    administer(postgresql_port, f"CREATE DATABASE {name}")
    return f"postgresql+pg8000://{USER}@127.0.0.1:{postgresql_port}/{name}"
