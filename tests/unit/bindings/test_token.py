"""Tokens as they are found on chains."""

from typing import Any

import pytest

from peersettle.bindings import Call, Settlement, Token
from peersettle.chain.artifacts import encode, selector
from peersettle.errors import InputError, InvalidField, Reverted, RpcUnavailable
from peersettle.trades import Domain, Quote, SignedTrade, Swap, Trade
from peersettle.types import Address, address, keccak

TOKEN, OWNER, SPENDER = (Address("0x" + digit * 40) for digit in "123")


class Answers:
    """A chain that answers from a table, and refuses what is not in it."""

    chain_id = 5

    def __init__(self, **answers: bytes) -> None:
        self.answers = {selector(f"{name}()"): answer for name, answer in answers.items()}
        self.allowance = 0
        self.needs_zero = False

    def call(self, _to: Address, data: bytes, **_: Any) -> bytes:
        if data[:4] == selector("allowance(address,address)"):
            return self.allowance.to_bytes(32, "big")
        if data[:4] not in self.answers:
            raise Reverted("refused")
        return self.answers[data[:4]]

    def simulate(self, call: Call, _sender: Address, gas: int | None = None) -> int:
        amount = int.from_bytes(call.data[36:68], "big")
        if self.needs_zero and self.allowance and amount:
            raise Reverted("non-zero to non-zero")
        return gas or 50_000


def token(**answers: bytes) -> tuple[Token, Answers]:
    chain = Answers(**answers)
    return Token(chain, TOKEN), chain  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "symbol"),
    [
        (encode(["string"], ["USDC"]), "USDC"),
        (b"MKR".ljust(32, b"\0"), "MKR"),
        (b"", TOKEN),
        (b"\xff" * 32, TOKEN),
        (encode(["string"], ["\x1b[31mUSDC"]), TOKEN),
        (encode(["string"], ["X" * 10_000]), TOKEN),
        (b"\x20".rjust(32, b"\0") + b"\xff" * 32, TOKEN),
    ],
)
def test_a_symbol_is_text_bytes32_or_else_the_address(answer: bytes, symbol: str) -> None:
    assert token(symbol=answer)[0].symbol() == symbol


def test_a_token_without_names_and_decimals_has_none() -> None:
    silent, _ = token()
    assert (silent.symbol(), silent.name(), silent.decimals()) == (TOKEN, "", None)
    assert (silent.balance(OWNER), silent.domain(), silent.permit_nonce(OWNER)) == (0, None, None)


@pytest.mark.parametrize(("answer", "decimals"), [(6, 6), (0, 0), (256, None), (2**255, None)])
def test_decimals_are_a_byte_or_none(answer: int, decimals: int | None) -> None:
    assert token(decimals=answer.to_bytes(32, "big"))[0].decimals() == decimals


def test_a_failing_node_is_not_taken_for_a_silent_token(monkeypatch: pytest.MonkeyPatch) -> None:
    there, chain = token()

    def gone(*_: object, **__: object) -> bytes:
        raise RpcUnavailable("gone")

    monkeypatch.setattr(chain, "call", gone)
    with pytest.raises(RpcUnavailable):
        there.balance(OWNER)


def separator(version: str | None) -> bytes:
    fields = "string name,string version,uint256 chainId,address verifyingContract"
    kinds, values = ["bytes32", "bytes32", "bytes32", "uint256", "address"], [keccak(b"Coin"), 5, TOKEN]
    if version is None:
        fields, kinds = fields.replace("string version,", ""), kinds[1:]
    else:
        values.insert(1, keccak(version.encode()))
    return keccak(encode(kinds, [keccak(f"EIP712Domain({fields})".encode()), *values]))


@pytest.mark.parametrize("version", ["1", "2", "7", None])
def test_a_domain_is_found_by_its_separator(version: str | None) -> None:
    said = {"version": encode(["string"], ["7"])} if version == "7" else {}
    coin, _ = token(name=encode(["string"], ["Coin"]), DOMAIN_SEPARATOR=separator(version), **said)
    expected = {"name": "Coin", "chainId": 5, "verifyingContract": TOKEN}
    assert coin.domain() == expected | ({} if version is None else {"version": version})


def test_a_domain_that_does_not_fit_is_none() -> None:
    coin, _ = token(name=encode(["string"], ["Coin"]), DOMAIN_SEPARATOR=b"\1" * 32)
    assert coin.domain() is None


def test_a_declared_domain_has_the_fields_it_declares() -> None:
    types = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
    answer = encode(types, [b"\x0d", "Coin", "9", 5, TOKEN, b"\0" * 32, []])
    coin, _ = token(eip712Domain=answer)
    assert coin.domain() == {"name": "Coin", "chainId": 5, "verifyingContract": TOKEN}


def test_only_the_approvals_that_are_needed_are_made() -> None:
    coin, chain = token()
    wanted, zero = coin.approve(SPENDER, 10), coin.approve(SPENDER, 0)
    assert coin.approvals_needed(OWNER, SPENDER, 10) == (wanted,)
    chain.allowance = 3
    assert coin.approvals_needed(OWNER, SPENDER, 10) == (wanted,)
    chain.needs_zero = True
    assert coin.approvals_needed(OWNER, SPENDER, 10) == (zero, wanted)
    chain.allowance = 10
    assert coin.approvals_needed(OWNER, SPENDER, 10) == ()


DOMAIN = Domain(5, address("0x" + "44" * 20))


def settlement() -> Settlement:
    return Settlement(Answers(), DOMAIN.settlement)  # type: ignore[arg-type]


def test_building_a_call_asks_the_chain_nothing_and_names_what_it_settles() -> None:
    quote = Quote(DOMAIN, Swap(OWNER, SPENDER, TOKEN, 1, OWNER, 2, 3, 4), b"\1" * 65, b"\1" * 65)
    call = settlement().swap_approved(quote)
    assert (call.to, call.value, call.settles) == (DOMAIN.settlement, 0, (quote.digest,))
    assert quote.digest.hex() in call.what


def test_a_batch_outside_the_contract_s_limits_is_refused() -> None:
    trade = SignedTrade(DOMAIN, Trade((OWNER,), (), 0, 1, 0, 9))
    long = SignedTrade(DOMAIN, trade.trade, {OWNER: b"\1" * 5_000})
    for trades, caps in (([], None), ([trade] * 17, None), ([trade], []), ([long], [1])):
        with pytest.raises(InputError):
            settlement().settle_batch(trades, caps)
    batch = settlement().settle_batch([trade, trade], [10**6, 10**6])
    assert batch.minimum_gas > 2 * 10**6 * 64 // 63


def test_a_document_of_another_chain_is_refused() -> None:
    with pytest.raises(InvalidField, match="chain 6"):
        settlement().settle(SignedTrade(Domain(6, DOMAIN.settlement), Trade((OWNER,), (), 0, 1, 0, 9)))


def test_checking_needs_the_deployment() -> None:
    with pytest.raises(InputError, match="Deployment"):
        settlement().check(SignedTrade(DOMAIN, Trade((OWNER,), (), 0, 1, 0, 9)), OWNER)
