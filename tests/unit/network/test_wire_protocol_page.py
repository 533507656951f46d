"""docs/reference/wire-protocol.md: its examples are what the codec makes, its limits those of the code.

After a change of the messages: `python -m tests.unit.network.test_wire_protocol_page` writes the examples anew.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.unit.network.world import DOMAIN, MAKER, NOW, TAKER, request

from peersettle.config import NetworkSettings
from peersettle.network import Contact, Identity, Rules
from peersettle.network.identity import DOMAIN_TYPE, EARLY, LIFE, MAX_ACCOUNTS, MAX_LIFE, MAX_LISTENS, SPEAKER_TYPE
from peersettle.network.libp2p import Libp2pOptions
from peersettle.network.libp2p.link import MAX_UNANSWERED
from peersettle.network.peers import PRESENCE_EVERY, TIMEOUT
from peersettle.network.wire import (
    ANSWERS,
    DIRECT,
    MAX_GOSSIP,
    MAX_SKEW,
    MAX_TEXT,
    PUBLISHED,
    Announcement,
    Hello,
    Ok,
    Presence,
    Refusal,
    seal,
)
from peersettle.rfq import (
    MAX_BYTES,
    Acceptance,
    Alternative,
    Ask,
    Cancellation,
    Confirmation,
    Decline,
    Indication,
    Offer,
    Rejection,
    Submission,
    Trouble,
    Withdrawal,
)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "wire-protocol.md"
ID = "5f0c2e9a7b1d4c3e8f6a0b9c8d7e6f5a"
CARD = Identity(DOMAIN, (MAKER,)).card(
    Contact("12D3KooWQdqKe8g1aGrRt3vhY8cU9rFtANNjs1VUibknoYWBrFQH", ("/ip4/203.0.113.7/tcp/7411",)), NOW
)
REQUEST = request(request_id=ID)
SIGNATURE = bytes(range(1, 66))
ALTERNATIVE = Alternative(20_000 * 10**6, 7 << 8, int(NOW) + 120, signature=SIGNATURE)
EXAMPLES = [
    (DIRECT, Hello(CARD)),
    (DIRECT, REQUEST),
    (DIRECT, Ask(ID)),
    (DIRECT, Indication(ID, 20_000 * 10**6)),
    (DIRECT, Decline(ID, "size", "larger than we take")),
    (DIRECT, Offer(ID, 1, MAKER.address, (ALTERNATIVE,), int(NOW) + 60)),
    (DIRECT, Acceptance(ID, 1, 0, SIGNATURE)),
    (DIRECT, Confirmation(ID, 1, 0, SIGNATURE)),
    (DIRECT, Rejection(ID, 1, "late", "the offer has ended")),
    (DIRECT, Withdrawal(ID, 1)),
    (DIRECT, Cancellation(ID)),
    (DIRECT, Submission(ID, "0x" + "ab" * 32)),
    (DIRECT, Trouble(ID, "allowance", "the taker has not approved Settlement")),
    (ANSWERS, Ok()),
    (ANSWERS, Refusal("busy", "more than 50 messages a second")),
    (PUBLISHED, Presence(CARD)),
    (PUBLISHED, Announcement(CARD, REQUEST)),
]


def name_of(codec, body):
    return codec.encode(body)["type"]


def block(codec, body):
    """As it stands on the page: the envelope around the first, then bodies alone."""
    data = json.loads(seal(codec, body, NOW))["body"]
    return f"```json\n{json.dumps(data, indent=2)}\n```"


def section(text, name):
    found = re.search(rf"^### `{name}`\n.*?(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"the page has no {name}"
    return found[0]


@pytest.mark.parametrize(("codec", "body"), EXAMPLES, ids=[name_of(*each) for each in EXAMPLES])
def test_the_example_is_what_the_codec_makes(codec, body):
    assert block(codec, body) in section(PAGE.read_text(), name_of(codec, body))


def test_every_kind_is_on_the_page():
    kinds = {*DIRECT.kinds, *ANSWERS.kinds, *PUBLISHED.kinds}
    assert kinds == {name_of(*each) for each in EXAMPLES}
    assert set(re.findall(r"^### `(\w+)`", PAGE.read_text(), re.MULTILINE)) == kinds


def test_the_envelope_on_the_page_is_what_is_sent():
    assert seal(DIRECT, Ask(ID), NOW + 0.25).decode() in PAGE.read_text()


def test_the_limits_on_the_page_are_those_of_the_code():
    text = PAGE.read_text()
    rules = Rules()
    for said in (
        f"| a message | {MAX_BYTES:,} bytes |",
        f"| what is published | {MAX_GOSSIP:,} bytes |",
        f"| two clocks and the way | {MAX_SKEW:g} s |",
        f"| to answer | {TIMEOUT:g} s |",
        f"| presence | every {PRESENCE_EVERY:g} s |",
        f"| text of a refusal | {MAX_TEXT} characters |",
        f"| addresses of a card | {MAX_ACCOUNTS} |",
        f"| places where a peer listens | {MAX_LISTENS} |",
        f"| a card holds | {LIFE // 3600} h; at most {MAX_LIFE // 86_400} days |",
        f"| a card may be early | {EARLY} s |",
        f"| requests of one stream at once | {MAX_UNANSWERED} |",
        f"| messages to us alone | {rules.direct_rate:g} a second, {rules.direct_burst} at once |",
        f"| messages to everybody | {rules.gossip_rate:g} a second, {rules.gossip_burst} at once |",
        f"| garbage | {rules.garbage_limit:g}, halved every {rules.garbage_half_life:g} s; "
        f"then {rules.ban_seconds:g} s |",
        SPEAKER_TYPE,
        DOMAIN_TYPE,
        Identity(DOMAIN, (TAKER,)).topic,
    ):
        assert said in text, said


def test_the_settings_on_the_page_are_settings_and_the_limits_among_them_the_defaults():
    data = tomllib.loads(section_of_settings())["network"]
    settings = NetworkSettings.model_validate(data)
    shown = {name: getattr(settings, name) for name in data}
    kept = ("listen", "bootstrap", "peers", "key_file")
    assert {name: value for name, value in shown.items() if name not in kept} == {
        name: getattr(NetworkSettings(), name) for name in data if name not in kept
    }
    assert set(data) == set(NetworkSettings.model_fields)
    assert Libp2pOptions.of(settings).bootstrap[0].addresses == ("/ip4/203.0.113.7/tcp/7411",)


def section_of_settings():
    return PAGE.read_text().partition("```toml\n")[2].partition("```")[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"listen": "127.0.0.1:7411"},
        {"listen": "/ip4/0.0.0.0/tcp/70000"},
        {"listen": "/dns4/desk.example/tcp/7411"},
        {"announce": ("/ip4/0.0.0.0/udp/7411",)},
        {"bootstrap": ("/ip4/203.0.113.7/tcp/7411",)},
        {"peers": {"desk": "12D3KooW"}},
        {"peers": {"0x1": "/ip4/1.2.3.4/tcp/1/p2p/" + "1" * 52}},
        {"direct_rate": 0},
        {"ban_seconds": -1},
        {"unknown": 1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        NetworkSettings.model_validate(wrong)


def write():
    """Put the examples of now into the page."""
    text = PAGE.read_text()
    for codec, body in EXAMPLES:
        old = section(text, name_of(codec, body))
        before, _, after = old.partition("```json\n")
        text = text.replace(old, before + block(codec, body) + after.partition("\n```")[2])
    PAGE.write_text(text)


if __name__ == "__main__":
    write()
