"""Every account that an event names is found, and read again when the chain thinks better of it."""

import pytest

from peersettle.chain import Block, Deployment, Log
from peersettle.chain.artifacts import artifact
from peersettle.errors import RpcError, RpcUnavailable
from peersettle.keeper.discovery import Discovery
from peersettle.types import Hash32, address

PLACES = {name: address("0x" + f"{n:02x}" * 20) for n, name in enumerate(("ledger", "auction", "backstop", "other"), 1)}
DEPLOYMENT = Deployment(
    1, PLACES["other"], PLACES["other"], PLACES["other"], 1, PLACES["other"], ledger=PLACES["ledger"], ledger_block=10,
    auction=PLACES["auction"], backstop=PLACES["backstop"],
)  # fmt: skip


class FakeChain:
    """Blocks with events; `most` is how many blocks of events it gives at once."""

    def __init__(self, most=1_000_000):
        self.most, self.asked, self.is_away = most, [], False
        self.hashes, self.events = {}, {}

    def grow(self, last, fork=""):
        for number in range(max(self.hashes, default=9) + 1, last + 1):
            self.hashes[number] = f"{fork}{number}"
        return self.head

    def cut(self, last):
        for number in [number for number in self.hashes if number > last]:
            del self.hashes[number]
            self.events.pop(number, None)

    @property
    def head(self):
        number = max(self.hashes)
        return Block(number, self.hashes[number], "", 0, 0, 0)

    def block(self, at):
        if at not in self.hashes:
            raise RpcError("no such block")
        return Block(at, self.hashes[at], "", 0, 0, 0)

    def emit(self, contract, name, *words, block=None):
        topics = (artifact(contract).events[name], *(Hash32(word.to_bytes(32, "big")) for word in words))
        number = self.head.number if block is None else block
        log = Log(PLACES[contract.lower()], topics, b"", number)
        self.events.setdefault(number, []).append(log)

    def logs(self, at, topics, first, last):
        assert topics == []
        if self.is_away:
            raise RpcUnavailable("away")
        if last - first + 1 > self.most:
            raise RpcError("query returned more than 10000 results")
        self.asked.append((first, last))
        return [
            (log, "0x") for number in range(first, last + 1) for log in self.events.get(number, []) if log.address == at
        ]


@pytest.fixture
def chain():
    made = FakeChain()
    made.grow(20)
    return made


def test_all_accounts_of_all_events_are_found(chain):
    chain.emit("Ledger", "Deposited", 1, 99)
    chain.emit("Ledger", "Moved", 99, 2, 3)
    chain.emit("Ledger", "Settled", 4, 0, 5)
    chain.emit("Ledger", "Granted", 77, 0)
    chain.emit("Auction", "Sold", 5, 6, block=15)
    chain.emit("Auction", "TakenOver", 7, 8, block=10)
    chain.emit("Backstop", "Deposit", 9, 55)
    chain.emit("Backstop", "Withdraw", 55, 10, 66)
    found, reorganised = Discovery(chain, DEPLOYMENT).look(chain.head)
    assert found == {1, 2, 3, 4, 5, 6, 7, 8, 9 << 96, 10 << 96}
    assert not reorganised


def test_what_was_read_is_not_read_again(chain):
    discovery = Discovery(chain, DEPLOYMENT)
    discovery.look(chain.head)
    chain.asked.clear()
    assert discovery.look(chain.head) == (set(), False)
    assert chain.asked == []
    chain.grow(22)
    discovery.look(chain.head)
    assert set(chain.asked) == {(21, 22)}
    later = Discovery(chain, DEPLOYMENT, after=discovery.cursor)
    chain.asked.clear()
    later.look(chain.grow(23))
    assert set(chain.asked) == {(23, 23)}


def test_a_node_that_gives_few_events_at_once_is_asked_for_fewer(chain):
    chain.grow(400)
    chain.emit("Ledger", "Deposited", 1, 99, block=333)
    chain.most = 30
    assert Discovery(chain, DEPLOYMENT).look(chain.head)[0] == {1}
    assert max(last for _, last in chain.asked) == 400


def test_a_node_that_refuses_a_single_block_is_an_error(chain):
    chain.most = 0
    with pytest.raises(RpcError):
        Discovery(chain, DEPLOYMENT).look(chain.head)


def test_a_node_that_is_away_loses_nothing(chain):
    discovery = Discovery(chain, DEPLOYMENT)
    chain.emit("Ledger", "Deposited", 1, 99)
    chain.is_away = True
    with pytest.raises(RpcUnavailable):
        discovery.look(chain.head)
    chain.is_away = False
    assert discovery.look(chain.head)[0] == {1}


def test_after_a_reorganisation_both_sides_are_read_from_the_fork(chain):
    discovery = Discovery(chain, DEPLOYMENT)
    discovery.look(chain.head)
    discovery.look(chain.grow(22))
    chain.grow(25)
    chain.emit("Ledger", "Deposited", 1, 99, block=24)
    discovery.look(chain.head)
    chain.cut(22)
    chain.grow(24, fork="b")
    chain.emit("Ledger", "Deposited", 2, 99, block=23)
    chain.asked.clear()
    assert discovery.look(chain.head) == ({1, 2}, True)
    assert set(chain.asked) == {(23, 24)}
    assert discovery.look(chain.head) == (set(), False)


def test_a_chain_of_which_nothing_is_known_is_read_from_the_start(chain):
    discovery = Discovery(chain, DEPLOYMENT, after=(18, "another"))
    chain.emit("Ledger", "Deposited", 1, 99, block=12)
    assert discovery.look(chain.head) == ({1}, True)
    assert min(first for first, _ in chain.asked) == 10


def test_a_chain_that_became_shorter_is_noticed(chain):
    discovery = Discovery(chain, DEPLOYMENT)
    discovery.look(chain.head)
    chain.cut(17)
    assert discovery.look(chain.head)[1]
    assert discovery.cursor == (17, "17")
