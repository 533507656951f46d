"""Nobody without the token is let in, no web page, and no key."""

import stat

import pytest
from tests.unit.api.conftest import TOKEN, Client

from peersettle.api import create_app
from peersettle.api.token import read_or_make_token, read_token
from peersettle.errors import ConfigError

ROUTES = [
    ("GET", "/v1/status"),
    ("GET", "/v1/peers"),
    ("POST", "/v1/peers/peer0/ban"),
    ("POST", "/v1/peers/peer0/unban"),
    ("POST", "/v1/requests"),
    ("GET", "/v1/requests"),
    ("GET", "/v1/requests/abc"),
    ("POST", "/v1/requests/abc/firm"),
    ("POST", "/v1/requests/abc/accept"),
    ("POST", "/v1/requests/abc/cancel"),
    ("GET", "/v1/trades"),
    ("GET", "/v1/positions"),
    ("GET", "/v1/export/trades"),
    ("GET", "/v1/events"),
    ("GET", "/v1/metrics"),
]


def test_these_are_all_routes(client):
    paths = client.get("/openapi.json").json()["paths"]
    found = {
        (method.upper(), path.replace("{key}", "abc").replace("{peer}", "peer0"))
        for path in paths
        for method in paths[path]
    }
    assert found == {*ROUTES, ("GET", "/health")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("said", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer \xff"])
def test_every_route_needs_the_token(client, method, path, said):
    del client.headers["Authorization"]
    answer = client.request(method, path, headers={} if said is None else {"Authorization": said.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["error"] == "Unauthorised"
    assert TOKEN not in answer.text


def test_health_and_the_description_need_none(client):
    del client.headers["Authorization"]
    assert client.get("/health").json() == {"ok": True}
    assert client.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/v1/status"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9480", "10.0.0.1", ""]
)
def test_a_name_that_was_bound_to_us_by_others_is_refused(client, path, host):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"] == "WrongHost"


@pytest.mark.parametrize("host", ["localhost:9480", "127.0.0.1", "[::1]:9480", "LOCALHOST"])
def test_the_machines_own_names_are_taken(client, host):
    assert client.get("/v1/status", headers={"Host": host}).status_code == 200


def test_a_name_of_ours_is_taken_where_it_is_given(world):
    app = create_app(world.node, TOKEN, hosts=["desk.lan"])
    assert Client(app, "http://desk.lan:9480").get("/health").status_code == 200


def test_no_web_page_may_read_an_answer(client):
    answer = client.get("/health", headers={"Origin": "https://evil.example"})
    asked = client.request(
        "OPTIONS", "/v1/status", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    )
    for each in (answer, asked):
        assert not any(name.startswith("access-control") for name in each.headers)


def test_metrics_are_open_where_the_settings_say(world):
    app = create_app(world.node, TOKEN, open_metrics=True)
    client = Client(app, token=None)
    assert "peersettle_node_peers" in client.get("/v1/metrics").text
    assert client.get("/v1/status").status_code == 401


@pytest.mark.parametrize(
    "name",
    [
        "private_key",
        "privateKey",
        "PRIVATE-KEY",
        "mnemonic",
        "password",
        "passphrase",
        "secret",
        "seed",
        "seed_phrase",
        "keystore",
    ],
)
def test_a_secret_is_refused_and_not_repeated(client, name):
    secret = "0x" + "fe" * 32
    bodies = (
        {name: secret},
        {"items": [{"asset": {name: secret}}]},
        {"asset": "WETH", "side": "buy", "quantity": "1", name: secret},
    )
    answers = [client.post("/v1/requests", json=body) for body in bodies]
    answers.append(client.get("/v1/status", params={name: secret}))
    for answer in answers:
        assert answer.status_code == 422
        assert "never send a secret" in answer.json()["message"]
        assert secret not in answer.text


def test_what_is_wrong_is_not_repeated(client):
    answer = client.post("/v1/requests", json={"asset": "WETH", "side": "buy", "quantity": "1", "pk": "0x" + "fe" * 32})
    assert answer.status_code == 422
    assert "pk" in answer.json()["message"]
    assert "fe" * 32 not in answer.text


def test_too_much_is_refused(client):
    assert client.post("/v1/requests", content=b"x" * (1 << 20) + b"xx").status_code == 413


def test_what_is_no_json_is_an_error_of_the_caller(client):
    for content in (b"{", b"[" * 100_000, b'{"asset": NaN}', b"\xff", b'{"side": "buy", "side": "sell"}'):
        answer = client.post("/v1/requests", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["error"] == "InputError"


def test_a_failure_that_nobody_thought_of_shows_nothing_of_itself(world, client):
    def broken():
        raise RuntimeError("0x" + "fe" * 32)

    world.node.status = broken
    answer = client.get("/v1/status")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Unexpected", "message": "unexpected RuntimeError; the node's log has more"}


def test_the_token_is_made_once_and_is_its_owners_alone(tmp_path):
    path = tmp_path / "state" / "node.token"
    token = read_or_make_token(path)
    assert len(token) >= 43
    assert read_or_make_token(path) == read_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        read_token(path)


def test_a_file_without_a_token_lets_nobody_in(tmp_path):
    path = tmp_path / "node.token"
    path.touch(0o600)
    with pytest.raises(ConfigError, match="holds no token"):
        read_or_make_token(path)
