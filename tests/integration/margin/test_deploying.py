"""The margin contracts deployed, recorded, verified, and their first market listed from a file."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.integration.cli.conftest import Peer
from tests.integration.margin.stage import build

from peersettle.bindings import MarginDesk
from peersettle.chain import Deployment, TransactionSender, deploy_margin, embedded, fund
from peersettle.errors import InvalidField, NotDeployed, Reverted
from peersettle.signing import KeySigner

ETHER = 10**18
MARKET = """
token = "WETH"
lot = "0.01"
tick = 1
[spot]
name = "ETH/USD"
[surface]
name = "ETH/USD-VOL"
[risk]
scan = "20"
band = 2
shock = "35"
basis = 0.5
initial_factor = "130"
risk_rate = "10"
risk_scale = 1000000000
gain_cap = 1000000
spot_age = 120
surface_age = 3600
epoch_age = 1800
position_charge = "0.5"
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The contracts on the embedded chain, with no market yet."""
    chain, signer = embedded(), KeySigner.random()
    fund(chain, signer.address, 100 * ETHER)
    sender = TransactionSender(chain, signer)
    yield build(chain, sender, tmp_path_factory.mktemp("deployments"), listed=False)
    sender.store.close()


def without_margin(bare):
    """The record as it was before."""
    return replace(bare.deployment, parameters=None, backstop=None, risk=None, ledger=None, cash=None)


def again(bare, deployment=None, sender=None, **options):
    """Deploy once more; without `force` what is recorded is kept."""
    found = deployment or bare.deployment
    cash = found.tokens["USDC"]
    return deploy_margin(bare.chain, sender or bare.sender, found, cash, directory=bare.directory, **options)


def test_the_ledger_is_where_risk_and_backstop_were_told(bare):
    bare.deployment.verify(bare.chain)
    assert Deployment.load(bare.directory, bare.chain.chain_id) == bare.deployment
    assert again(bare) == bare.deployment
    desk = MarginDesk(bare.chain, bare.deployment)
    assert desk.parameters.steward() == bare.sender.address
    assert desk.parameters.delay() == 3_600
    assert not (bare.directory / f"{bare.chain.chain_id}.margin-progress.json").exists()


def test_another_contract_in_the_record_is_found_out(bare):
    other = again(bare, without_margin(bare), force=True)
    bare.deployment.save(bare.directory)
    for name in ("ledger", "risk", "parameters", "backstop", "auction"):
        with pytest.raises(NotDeployed):
            replace(bare.deployment, **{name: getattr(other, name)}).verify(bare.chain)
    with pytest.raises(NotDeployed):
        replace(bare.deployment, cash=bare.deployment.tokens["WETH"]).verify(bare.chain)


class Failing(TransactionSender):
    """Gives up before a contract of this name."""

    at = ""

    def send(self, call, **options):
        if call.what == f"deploy {self.at}":
            raise KeyboardInterrupt
        return super().send(call, **options)


@pytest.mark.parametrize("at", ["Risk", "Ledger"])
@pytest.mark.parametrize("others_between", [0, 1])
def test_an_interrupted_deployment_goes_on_and_the_addresses_fit(bare, at, others_between):
    """Also where the key has sent something else meanwhile, so that the Ledger's address has changed."""
    before = without_margin(bare)
    signer = KeySigner.random()
    fund(bare.chain, signer.address, 10 * ETHER)
    failing = Failing(bare.chain, signer)
    failing.at = at
    with pytest.raises(KeyboardInterrupt):
        again(bare, before, failing)
    sender = TransactionSender(bare.chain, signer, failing.store)
    for _ in range(others_between):
        sender.send(bare.token("USDC").approve(bare.sender.address, 1))
    nonce = bare.chain.nonce(signer.address)
    done = again(bare, before, sender)
    done.verify(bare.chain)
    lacking = {"Risk": 3, "Ledger": 1}[at]
    assert bare.chain.nonce(signer.address) - nonce == (lacking if not others_between else 4)
    bare.deployment.save(bare.directory)


def test_delays_are_bounded_before_anything_is_spent(bare):
    for options in ({"delay": 3_599}, {"delay": 30 * 86_400 + 1}, {"ramp": 0}, {"ramp": 15 * 86_400}):
        with pytest.raises(InvalidField, match="seconds"):
            again(bare, force=True, **options)


def test_a_chain_without_an_oracle_is_told_what_comes_first(bare):
    with pytest.raises(NotDeployed, match="oracle deploy"):
        again(bare, replace(without_margin(bare), oracle=None, bundle=None))


@pytest.fixture
def steward(bare, new_peer, monkeypatch) -> Iterator[Peer]:
    """A peer whose key is the steward's."""
    monkeypatch.setattr("peersettle.chain.connect", lambda *_, **__: bare.chain)
    peer = new_peer("steward", bare.directory)
    fund(bare.chain, peer.address, ETHER)
    deployed = again(bare, without_margin(bare), steward=peer.address, delay=3_600, ramp=3_600)
    deployed.save(bare.directory)
    yield peer
    bare.deployment.save(bare.directory)


def test_a_market_is_listed_from_a_file(bare, steward):
    (steward.home / "market.toml").write_text(MARKET)
    assert steward.does("margin", "markets") == {"markets": [], "proposed": []}
    proposed = steward.signs("margin", "propose", "market.toml")
    early = steward.fails(9, "margin", "activate", 0, "--key", "steward")
    assert early["error"] == "DelayNotOver"
    bare.pass_time(3_601)
    assert steward.does("margin", "markets")["proposed"][0]["ready_at"] == proposed["ready_at"]
    assert steward.signs("margin", "activate", 0)["symbol"] == "ETH"
    (market,) = steward.does("margin", "markets")["markets"]
    assert (market["symbol"], market["lot"], market["tick"]) == ("ETH", "0.01", "1")
    assert (market["spot"], market["risk"]["initial_factor"]) == (None, "130")

    (steward.home / "tighter.toml").write_text(MARKET.replace('scan = "20"', 'scan = "25"'))
    steward.signs("margin", "propose", "tighter.toml", "--market", 0)
    steward.signs("margin", "withdraw", 0)
    assert steward.fails(9, "margin", "activate", 0, "--key", "steward")["error"] == "NoSuchProposal"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tick = 1", "tick = 3", "power of ten"),
        ('lot = "0.01"', "", "lot"),
        ('scan = "20"', 'scan = "99"', "1311 to 32768"),
        ("[spot]", "[spot]\ncolour = 1", "colour is not known"),
        ('name = "ETH/USD"', 'name = "ETH USD"', "20 printable"),
        ('token = "WETH"', 'token = "DOGE"', "no token is called"),
        ("[risk]", "[risk", "cannot be understood"),
    ],
)
def test_a_market_file_that_cannot_be_meant_is_refused_with_its_place(steward, old, new, said):
    (steward.home / "market.toml").write_text(MARKET.replace(old, new, 1))
    assert said in steward.fails(2, "margin", "propose", "market.toml", "--key", "steward")["message"]


@pytest.mark.usefixtures("steward")
def test_nobody_but_the_steward_lists_a_market(bare):
    stranger = KeySigner.random()
    fund(bare.chain, stranger.address, ETHER)
    desk = MarginDesk(bare.chain, Deployment.load(bare.directory, bare.chain.chain_id))
    sender = TransactionSender(bare.chain, stranger)
    with pytest.raises(Reverted, match="steward"):
        sender.send(desk.parameters.withdraw_proposal(0))
    sender.store.close()
