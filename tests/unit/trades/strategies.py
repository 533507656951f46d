"""Random messages that can be built."""

import coincurve
from hypothesis import strategies as st

from peersettle.trades import (
    Approval,
    ApprovalMethod,
    Domain,
    Leg,
    LegKind,
    Quote,
    SignedTrade,
    Swap,
    Trade,
    sign_digest,
)
from peersettle.types import ZERO_ADDRESS, checksummed, keccak

accounts = st.integers(1, 2**160 - 1).map(lambda number: checksummed(number.to_bytes(20, "big")))
words = st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 1_000), st.sampled_from([2**255, 2**256 - 1]))
hashes = st.binary(min_size=32, max_size=32)
domains = st.builds(Domain, st.integers(0, 2**64 - 1), accounts)
keys = st.integers(1, 1_000).map(lambda number: coincurve.PrivateKey(keccak(number.to_bytes(32, "big"))))
signatures = st.builds(sign_digest, keys, hashes)
signature_bytes = st.one_of(
    st.just(b""),
    signatures.map(lambda s: s.to_bytes()),
    signatures.map(lambda s: s.to_compact()),
    st.binary(min_size=1, max_size=130),
)
approvals = st.builds(Approval, st.integers(0, 16), st.sampled_from(ApprovalMethod), words, words, words, signatures)
some_approvals = st.lists(approvals, max_size=3, unique_by=lambda a: a.leg).map(
    lambda found: tuple(sorted(found, key=lambda a: a.leg))
)


@st.composite
def swaps(draw):
    maker, taker = draw(st.lists(accounts, min_size=2, max_size=2, unique=True))
    taker = draw(st.sampled_from([taker, ZERO_ADDRESS]))
    tokens, numbers = [draw(accounts) for _ in range(2)], [draw(words) for _ in range(4)]
    return Swap(maker, taker, tokens[0], numbers[0], tokens[1], numbers[1], numbers[2], numbers[3], draw(hashes))


@st.composite
def legs(draw, parties, ledger):
    kind = draw(st.sampled_from(LegKind))
    token, id, amount = draw(accounts), draw(words), draw(words)
    if kind in (LegKind.ERC20, LegKind.ERC20_EXACT, LegKind.NATIVE):
        id = 0
    if kind is LegKind.ERC721:
        amount = 1
    if kind is LegKind.POSITION:
        token, amount = ledger, amount | 1
    if kind is LegKind.NATIVE:
        token = ZERO_ADDRESS
    return Leg(draw(st.sampled_from(parties)), draw(st.sampled_from(parties)), kind, token, id, amount)


@st.composite
def trades(draw):
    parties = draw(st.lists(accounts, min_size=1, max_size=4, unique=True))
    some = draw(st.lists(legs(parties, draw(accounts)), max_size=4))
    submitter = draw(st.one_of(accounts, st.just(ZERO_ADDRESS)))
    numbers = [draw(words) for _ in range(3)]
    mask = draw(st.integers(1, 2**255 - 1))
    return Trade(tuple(parties), tuple(some), numbers[0], mask, numbers[1], numbers[2], submitter, draw(hashes))


quotes = st.builds(Quote, domains, swaps(), signature_bytes, signature_bytes, some_approvals)


@st.composite
def signed_trades(draw):
    trade = draw(trades())
    signed = {party: draw(signature_bytes) for party in trade.parties if draw(st.booleans())}
    return SignedTrade(draw(domains), trade, signed, draw(some_approvals))


documents = st.one_of(quotes, signed_trades())
