"""`rfq`, `quotes`, `accept`, `cancel`, `positions`, `peers`: what they ask of a running node, and what they show."""

import asyncio
import threading

import pytest
from tests.unit.api.conftest import TX, world  # noqa: F401

from peersettle.api.server import serve
from peersettle.rfq import Decline, Indication


class Running:
    """The application on a port, in a thread of its own; makers answer as soon as they are asked."""

    def __init__(self, world):  # noqa: F811
        self.world = world
        self.engine = world.node.engine
        self.prices = {"peer0": 3_100_000_000, "peer1": 3_000_000_000}
        self.settles = True
        self.url = ""
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    def __enter__(self):
        self._request, self._accept = self.engine.request, self.engine.accept
        self.engine.request, self.engine.accept = self.request, self.accept
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(10)

    async def request(self, request, peers=()):
        key = await self._request(request, peers)
        asyncio.get_running_loop().call_later(0.05, self.answer, key, request, peers)
        return key

    def answer(self, key, request, peers):
        for maker in self.world.makers:
            price = self.prices.get(maker.peer)
            if peers and maker.peer not in peers:
                continue
            if price is None:
                maker.says(key, Decline(key, "limit", "too large for me"))
            elif not request.firm:
                maker.says(key, Indication(key, price))
            else:
                maker.offers(key, price if request.items[0].to_taker else -price)

    async def accept(self, key, *which):
        state = await self._accept(key, *which)
        if self.settles:
            asyncio.get_running_loop().call_later(0.05, self.world.included, key)
        return state

    async def _main(self):
        self._loop = asyncio.get_running_loop()

        def ready(url):
            self.url = url
            self._is_ready.set()

        self._serving = asyncio.create_task(serve(self.world.app, ("127.0.0.1", 0), ready))
        await asyncio.gather(self._serving, return_exceptions=True)


@pytest.fixture
def running(world, user, monkeypatch):  # noqa: F811
    from tests.unit.api.conftest import TOKEN

    (user.home / "state").mkdir()
    token = user.home / "state" / "node.token"
    token.touch(0o600)
    token.write_text(TOKEN)
    with Running(world) as found:
        monkeypatch.setenv("PEERSETTLE__NODE__LISTEN", found.url.removeprefix("http://"))
        yield found


def test_quotes_are_shown_the_best_first(running, user):
    said = user.run("rfq", "WETH", "buy", "1")
    assert said.code == 0, said.text
    table = said.out[said.out.index("good for") :]
    assert table.index("peer1") < table.index("peer0")
    assert "3000 USDC" in table
    (key,) = running.engine.states
    assert f"peersettle accept {key}" in said.out


@pytest.mark.usefixtures("running")
def test_a_quote_is_not_waited_for_longer_than_it_takes(user):
    assert user.run("rfq", "WETH", "buy", "1", "--wait", "1h").code == 0


def test_who_is_asked_and_how_is_said_in_options(running, user):
    said = user.run(
        "--json", "rfq", "WETH", "sell", "0.5", "--to", "peer1", "--for", "USDC", "--partial", "--last-look",
        "--maker-sends", "--life", "1m", "--sub", "3",
    )  # fmt: skip
    (state,) = running.engine.states.values()
    assert state.peers == ("peer1",)
    assert (state.request.partial, state.request.last_look, str(state.request.submitter)) == (True, True, "maker")
    assert state.request.sub_account == 3
    assert [(quote["peer"], quote["per_unit"]) for quote in said.json["quotes"]] == [("peer1", "6000")]


@pytest.mark.usefixtures("running")
def test_the_best_within_the_limit_is_taken_and_settled(user):
    said = user.run("--json", "rfq", "WETH", "buy", "1", "--take-best", "--limit", "3000")
    assert said.code == 0, said.text
    assert (said.json["status"], said.json["deal"]["peer"], said.json["deal"]["tx_hash"]) == ("settled", "peer1", TX)


def test_nothing_beyond_the_limit_is_taken(running, user):
    said = user.run("--json", "rfq", "WETH", "buy", "1", "--take-best", "--limit", "2999.99")
    assert said.code == 2
    assert "none of 2 quotes is within 2999.99" in said.json["message"]
    (state,) = running.engine.states.values()
    assert state.status == "cancelled"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["hold", "1"], "buy or sell"),
        (["buy", "1", "--take-best"], "say --limit"),
        (["buy", "1", "--limit", "3"], "goes with --take-best"),
        (["buy", "1", "--take-best", "--limit", "3", "--indicative"], "cannot be taken"),
        (["buy", "1", "--wait", "soon"], "whole number with s, m, h or d"),
        (["buy", "many"], "quantity"),
        (["buy", "1", "--to", "nobody"], "no peer that we have heard of"),
        (["buy", "1", "--for", "DOGE"], "no token is called"),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_input(running, user, options, why):
    said = user.run("--json", "rfq", "WETH", *options)
    assert said.code == 2
    assert why in said.json["message"]
    assert not running.engine.states


def asked(running, user, *options):
    assert user.run("--json", "rfq", "WETH", "buy", "1", *options).code == 0
    return list(running.engine.states)[-1]


def test_accepting_takes_the_best_and_waits_until_it_is_settled(running, user):
    key = asked(running, user)
    said = user.run("accept", key[:6])
    assert said.code == 0, said.text
    assert "you give 3000 USDC, you get 1 WETH" in said.out
    assert TX in said.out


def test_accepting_takes_whose_quote_is_named(running, user):
    key = asked(running, user)
    said = user.run("--json", "accept", key, running.world.makers[0].signer.address, "--choice", "0")
    assert said.json["deal"]["peer"] == "peer0"


def test_accepting_keeps_a_limit(running, user):
    key = asked(running, user)
    assert user.run("accept", key, "peer0", "--limit", "3050").code == 2
    assert running.engine.states[key].status == "open"


def test_what_is_not_settled_in_time_is_not_called_settled(running, user, monkeypatch):
    monkeypatch.setenv("PEERSETTLE__CHAIN__PATIENCE", "0.2")
    running.settles = False
    said = user.run("--json", "accept", asked(running, user))
    assert said.code == 8
    assert "it is agreed, not yet included" in said.json["message"]
    assert "peersettle quotes" in said.json["next_step"]


def test_options_of_files_do_not_go_with_a_request(running, user):
    key = asked(running, user)
    assert "--send" in user.run("accept", key, "--send").err
    assert "--key" in user.run("cancel", key, "--key", "mine").err
    assert user.run("accept", "quote.json", "--limit", "3").code == 2


@pytest.mark.usefixtures("running")
def test_a_file_named_like_a_key_is_a_file(user):
    (user.home / "abcd").write_text("{}")
    said = user.run("accept", "abcd")
    assert "expected 'peersettle.quote'" in said.err
    assert said.code == 2


def test_a_request_is_cancelled(running, user):
    key = asked(running, user)
    assert user.run("cancel", key).code == 0
    assert running.engine.states[key].status == "cancelled"
    assert user.run("--json", "quotes").json == []


def test_an_indication_becomes_firm(running, user):
    key = asked(running, user, "--indicative")
    assert "indication" in user.run("quotes", key).out

    async def want_firm(key, _):
        asyncio.get_running_loop().call_later(0.05, running.world.makers[0].offers, key, 3_000_000_000)

    running.engine.want_firm = want_firm
    said = user.run("--json", "quotes", key, "--firm", "peer0")
    assert [(quote["peer"], quote["firm"]) for quote in said.json["quotes"]] == [("peer0", True), ("peer1", False)]
    assert user.run("quotes", key, "--firm", "nobody").code == 2


def test_open_requests_are_listed(running, user):
    key = asked(running, user)
    said = user.run("quotes")
    assert f"{key}" in said.out
    assert "buy 1 WETH for USDC" in said.out


def test_who_gives_no_price_is_shown_with_its_reason(running, user):
    running.prices = {"peer0": 1}
    assert "peer1 gives no price: too large for me" in user.run("rfq", "WETH", "buy", "1").out


@pytest.mark.usefixtures("running")
def test_positions_show_tokens(user):
    assert user.run("--json", "positions").json["balances"][0] == {"asset": "USDC", "amount": "5"}
    assert "WETH" in user.run("positions").out


@pytest.mark.usefixtures("running")
def test_peers_are_shown_and_banned(user):
    assert "banned" not in user.run("peers").out
    assert "banned" in user.run("peers", "--ban", "peer0").out
    assert "banned" not in user.run("peers", "--unban", "peer0").out


@pytest.mark.parametrize(
    "command",
    [
        ["rfq", "WETH", "buy", "1"],
        ["quotes"],
        ["quotes", "abcd"],
        ["accept", "abcdef"],
        ["cancel", "abcdef"],
        ["positions"],
        ["peers"],
    ],
    ids=" ".join,
)
def test_where_no_node_runs_it_is_said_how_to_start_one(user, command):
    said = user.run("--json", *command)
    assert said.code == 10
    assert "no node was started here" in said.json["message"]
    assert "peersettle node" in said.json["next_step"]


@pytest.mark.usefixtures("running")
def test_a_node_that_has_stopped_is_told_from_one_that_never_was(user, monkeypatch):
    monkeypatch.setenv("PEERSETTLE__NODE__LISTEN", "127.0.0.1:9")
    said = user.run("--json", "peers")
    assert said.code == 10
    assert "no node answers at http://127.0.0.1:9" in said.json["message"]


def test_the_record_is_exported_without_a_node(user):
    from peersettle.store import Store

    Store.open(user.home / "trades.db").close()
    said = user.run("--json", "export", "trades", "--csv", "t.csv", "--parquet", "t.parquet")
    assert said.json == {"files": ["t.csv", "t.parquet"], "trades": 0}
    assert (user.home / "t.csv").read_text().startswith("digest,")
    assert user.run("export", "trades").code == 2
    assert user.run("export", "trades", "--csv", "t.parquet").code == 2


@pytest.mark.parametrize("listen", ["0.0.0.0:9480", "192.168.1.5:9480", "example.org:9480", "127.0.0.1", "[::]:9480"])
def test_an_address_that_others_reach_is_refused_unless_it_is_meant(user, monkeypatch, listen):
    monkeypatch.setenv("PEERSETTLE__NODE__LISTEN", listen)
    said = user.run("node")
    assert said.code == 6
    assert ("HOST:PORT" if listen == "127.0.0.1" else "other machines reach") in said.err
    monkeypatch.setenv("PEERSETTLE__NODE__ALLOW_REMOTE", "true")
    shown = user.run("--json", "config", "show")
    assert shown.code == (6 if listen == "127.0.0.1" else 0)


def test_a_maker_without_limits_is_told_that_it_quotes_nothing(user, monkeypatch):
    assert "nothing will be quoted" in user.run("make").out
    monkeypatch.setenv("PEERSETTLE__MAKING__MAX_EXPOSURE", "1000")
    assert "nothing will be quoted" not in user.run("make").out


def test_a_strategy_that_is_not_there_is_an_error_of_the_configuration(user):
    said = user.run("--json", "make", "--strategy", "nowhere.py:Mine")
    assert said.code == 6
    assert "there is no file nowhere.py" in said.json["message"]
