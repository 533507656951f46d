"""`peersettle oracle report` and `submit`: from a settings file to a confirmed price."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from functools import partial

import pytest
import structlog
from aiohttp import web
from tests.unit.cli.conftest import PASSWORD, User

from peersettle.oracle.book import ReportBook
from peersettle.oracle.metrics import Metrics
from peersettle.oracle.server import ReportServer
from peersettle.reports import Feed
from peersettle.service.clock import SystemClock
from peersettle.signing import KeySigner, KeyStore

FEED = Feed("ETH/USD", slot=3_600, max_age=7_200)
WAD = 10**18
BOOTSTRAP = "import sys; from peersettle.cli import main; main(sys.argv[1:])"


@contextmanager
def background(start):
    """Run `await start(stop)` on a loop in a thread; what it yields first is given."""
    ready, given = threading.Event(), []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve():
        value, cleanup = await start()
        given.append(value)
        ready.set()
        await stop.wait()
        await cleanup()

    def work():
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(20)
        yield given[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def venues():
    async def ticker(request):
        name = request.match_info["name"]
        if name == "broken":
            return web.Response(text="<html>", content_type="text/html")
        return web.json_response({"price": {"a": "2000", "b": "2001", "c": "2002", "mad": "9999999"}[name]})

    app = web.Application()
    app.router.add_get("/{name}", ticker)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}", runner.cleanup


def collector(network):
    async def start():
        book = ReportBook(network.oracle.domain, [FEED], network.members)
        server = ReportServer(book, clock=SystemClock(), metrics=Metrics())
        return await server.start(), server.stop

    return start


@pytest.fixture
def desk(network, tmp_path, monkeypatch, capsys):
    """Writes settings and runs the command, with a keystore that has the reporters' keys."""
    store = KeyStore(tmp_path / "keystore", work_factor=2)
    for number, signer in enumerate(network.signers):
        store.add(f"reporter{number}", signer, PASSWORD)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("peersettle.cli.desk.KeyStore", partial(KeyStore, work_factor=2))
    monkeypatch.delenv("PEERSETTLE_KEY", raising=False)
    environ = {
        "PEERSETTLE__CHAIN__URL": network.chain.url,
        "PEERSETTLE__PATHS__KEYSTORE": str(tmp_path / "keystore"),
        "PEERSETTLE__PATHS__STORE": str(tmp_path / "trades.db"),
        "PEERSETTLE__PATHS__STATE": str(tmp_path / "state"),
        "PEERSETTLE__PATHS__DEPLOYMENTS": str(tmp_path / "deployments"),
        "PEERSETTLE_PASSWORD": PASSWORD,
        "PEERSETTLE_CONFIG": str(tmp_path / "peersettle.toml"),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def make(url, names=("a", "b", "c", "mad", "broken"), peers=(), state="oracle"):
        sources = ",".join(
            f'{{kind = "http", class = "{name}", url = "{url}/{name}", path = "price"}}' for name in names
        )
        (tmp_path / "peersettle.toml").write_text(
            f'[oracle]\nlisten = "127.0.0.1:0"\npeers = {json.dumps(list(peers))}\nstate = "{tmp_path / state}"\n'
            f'[[oracle.feeds]]\nname = "ETH/USD"\nslot = 3600\nmax_age = 7200\nsources = [{sources}]\n'
        )
        return User(tmp_path, capsys)

    yield make
    structlog.reset_defaults()


def test_a_dry_run_shows_the_value_and_what_was_left_out_and_needs_no_key_and_no_chain(desk, monkeypatch):
    monkeypatch.setenv("PEERSETTLE__CHAIN__URL", "http://127.0.0.1:9")
    with background(venues) as url:
        user = desk(url)
        (said,) = user.run("oracle", "report", "--dry-run", "--json").json
        assert said["value"] == str(2_001 * WAD)
        assert {item["source"]: item["reason"] for item in said["dropped"]} == {"mad:http": "outlier"}
        assert {item["source"]: item["reason"] for item in said["failed"]} == {"broken:http": "content_type"}
        shown = user.run("oracle", "report", "--dry-run")
        assert shown.code == 0
        assert "ETH/USD: 2001 for slot" in shown.out
        assert "left out, content_type" in shown.out
        poor = desk(url, names=("a", "b", "broken")).run("oracle", "report", "--dry-run")
        assert poor.code == 1
        assert "no value" in poor.out


def test_three_reports_and_a_submission_confirm_a_price(desk, network):
    with background(venues) as url, background(collector(network)) as peer:
        for number in range(3):
            user = desk(url, peers=[peer], state=f"oracle{number}")
            result = user.run("oracle", "report", "--once", "--json", "--key", f"reporter{number}")
            assert result.code == 0, result.text
            assert result.json[0]["report"]["reporter"] == network.signers[number].address
        early = user.run("oracle", "submit", "--peer", peer, "--dry-run")
        assert "would be sent" in early.out
        assert network.oracle.read(FEED).observed_at == 0
        key = KeySigner.random()
        KeyStore(user.home / "keystore", work_factor=2).add("payer", key, PASSWORD)
        network.pass_time(1)
        from peersettle.chain import fund

        fund(network.chain, key.address, 10**18)
        (done,) = user.run("oracle", "submit", "--peer", peer, "--key", "payer", "--json").json
        assert (done["outcome"], done["why"], done["value"]) == ("sent", "first", str(2_001 * WAD))
        assert network.oracle.read(FEED).value == 2_001 * WAD
        (again,) = user.run("oracle", "submit", "--peer", peer, "--key", "payer", "--json").json
        assert again["outcome"] == "not_due"


def test_what_is_wrong_ends_with_its_own_exit_code(desk):
    with background(venues) as url:
        user = desk(url)
        assert user.run("oracle", "report", "--dry-run", "--feed", "DOGE/USD").code == 2
        assert desk(url, names=("a", "b")).run("oracle", "report", "--dry-run").code == 6
        user = desk(url)
        assert user.run("oracle", "report", "--once", "--key", "nobody").code == 5
        (user.home / "oracle").mkdir()
        (user.home / "oracle" / "signed.json").write_text("{")
        assert user.run("oracle", "report", "--once", "--key", "reporter0").code == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_serves_until_it_is_told_to_stop(desk, number):
    with background(venues) as url:
        user = desk(url)
        process = subprocess.Popen(
            [sys.executable, "-c", BOOTSTRAP, "oracle", "report", "--key", "reporter0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
            cwd=user.home,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "serving http://127.0.0.1:" in line, process.stderr.read() if process.stderr else ""
            where = line.split("serving ")[1].strip()
            with urllib.request.urlopen(where + "/v1/reports", timeout=20) as answer:
                assert json.load(answer)["feeds"][0]["name"] == "ETH/USD"
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
            assert process.returncode == 0, err
            assert out.strip() == "stopped"
        finally:
            process.kill()
            process.communicate()


def test_a_surface_is_proposed_from_its_file_and_goes_alone(desk, network, tmp_path):
    with background(venues) as url, background(collector(network)) as peer:
        user = desk(url, peers=[peer])
        settings = tmp_path / "peersettle.toml"
        file = tmp_path / "ETH.json"
        settings.write_text(settings.read_text() + f'[[oracle.surfaces]]\nname = "ETH-VOL"\npath = "{file}"\n')
        missing = user.run("oracle", "submit", "--surface", "ETH-VOL", "--dry-run")
        assert (missing.code, "cannot read" in missing.text) == (8, True)
        now = int(SystemClock().now())
        svi = {"a": 0.02, "b": 0.04, "rho": -0.2, "m": 0.0, "sigma": 0.5}
        part = {"expiry": now + 86_400 * 30, "forward_ratio": 1.01, **svi}
        file.write_text(json.dumps({"observed_at": now, "slices": [part]}))
        (said,) = user.run("oracle", "submit", "--surface", "ETH-VOL", "--dry-run", "--json").json
        assert said["outcome"] == "failed"
        assert "signs no batches" in said["cosigners"][0]["why"]
        shown = user.run("oracle", "submit", "--surface", "ETH-VOL", "--dry-run")
        assert f"refused by {peer}" in shown.text
        assert user.run("oracle", "submit", "--surface", "BTC-VOL", "--dry-run").code == 2
        assert user.run("oracle", "submit", "--surface", "ETH-VOL", "--follow", "--dry-run").code == 2
        batch = user.run("oracle", "submit", "--batch", "--dry-run", "--json").json
        assert [item["outcome"] for item in batch] == ["no_round"]
