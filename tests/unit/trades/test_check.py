"""Every problem that the check finds is told with whom it concerns and the values, so that one can act on it."""

from dataclasses import dataclass, field

import coincurve
import pytest

from peersettle.errors import NotSettleable
from peersettle.trades import (
    Approval,
    ApprovalMethod,
    Domain,
    Leg,
    LegKind,
    ProblemCode,
    Quote,
    Signature,
    SignedTrade,
    Swap,
    Trade,
    check_swap,
    check_trade,
    sign_digest,
)
from peersettle.trades.check import TokenInfo
from peersettle.types import ZERO_ADDRESS, Address, checksummed, keccak

SETTLEMENT, PERMIT2, USDC, WETH, NFT, LEDGER, MULTI = (Address("0x" + f"{n:02x}" * 20) for n in range(0x10, 0x17))
NOW = 1_000_000
MILLION = 10**6
HERE = Domain(1, SETTLEMENT)


def key_of(role):
    return coincurve.PrivateKey(keccak(role.encode()))


def address_of(role):
    return checksummed(keccak(key_of(role).public_key.format(compressed=False)[1:])[-20:])


maker, taker, liquidator = (address_of(role) for role in ("maker", "taker", "liquidator"))
ROLES = {maker: "maker", taker: "taker", liquidator: "liquidator"}


@dataclass
class Wallets:
    """A `WalletView` in which all is well, but for what a test changes."""

    now: int = NOW
    settlement: Address = SETTLEMENT
    permit2: Address = PERMIT2
    balances: dict = field(default_factory=dict)
    allowances: dict = field(default_factory=dict)
    used: int = 0
    owner: Address | None = None
    approved: Address | None = SETTLEMENT
    operator: bool = True
    codeless: tuple = ()

    def used_swaps(self, maker, word):  # noqa: ARG002
        return self.used

    def used_trades(self, parties, word):  # noqa: ARG002
        return self.used

    def has_code(self, account):
        return account not in (*ROLES, *self.codeless)

    def accepts(self, wallet, digest, signature):  # noqa: ARG002
        return False

    def balance(self, token, owner):
        return self.balances.get((token, owner), 100 * MILLION)

    def allowance(self, token, owner, spender):
        return self.allowances.get((token, owner, spender), 100 * MILLION)

    def owner_of(self, token, id):  # noqa: ARG002
        return self.owner

    def approved_for(self, token, id):  # noqa: ARG002
        return self.approved

    def balance_of_id(self, token, owner, id):  # noqa: ARG002
        return self.balances.get((token, owner), 100)

    def is_operator(self, token, owner, operator):  # noqa: ARG002
        return self.operator

    def token_info(self, token):
        return {USDC: TokenInfo("USDC", 6), WETH: TokenInfo("WETH", 18)}.get(token, TokenInfo("NAMELESS", None))


def a_quote(signed=("maker", "taker"), **changes) -> Quote:
    fields = {
        "maker": maker,
        "taker": taker,
        "maker_token": USDC,
        "maker_amount": 10 * MILLION,
        "taker_token": WETH,
        "taker_amount": 5,
        "nonce": 300,
        "deadline": NOW,
    }
    quote = Quote(HERE, Swap(**(fields | changes)))
    by = [sign_digest(key_of(role), quote.digest).to_bytes() if role in signed else b"" for role in ("maker", "taker")]
    return Quote(HERE, quote.swap, *by)


def a_trade(*legs, signers=("maker", "taker"), approvals=(), **changes) -> SignedTrade:
    fields = {"parties": (maker, taker), "nonce_word": 1, "nonce_mask": 3, "valid_after": 0, "deadline": NOW}
    trade = SignedTrade(HERE, Trade(**(fields | {"legs": legs} | changes)), approvals=approvals)
    for party in trade.trade.parties:
        if ROLES[party] in signers:
            trade = trade.with_signature(party, sign_digest(key_of(ROLES[party]), trade.digest).to_bytes())
    return trade


def told(problems) -> dict[ProblemCode, str]:
    assert all(problem.explain() and problem.to_json()["text"] == problem.explain() for problem in problems)
    return {problem.code: problem.explain() for problem in problems}


def pay(amount=10 * MILLION, token=USDC, kind=LegKind.ERC20) -> Leg:
    return Leg(maker, taker, kind, token, 0, amount)


def test_nothing_is_said_when_nothing_is_wrong():
    assert check_swap(a_quote(), Wallets(), taker) == ()
    assert check_swap(a_quote(), Wallets(), liquidator) == ()
    assert check_trade(a_trade(pay()), Wallets(), liquidator) == ()


def test_what_is_allowed_and_held_is_told_in_the_tokens_own_decimals():
    wallets = Wallets(
        allowances={(USDC, maker, SETTLEMENT): 3_500_000}, balances={(USDC, maker): 9_999_999, (WETH, taker): 4}
    )
    problems = check_swap(a_quote(), wallets, taker)
    said = [problem.explain() for problem in problems]
    assert f"{maker} has allowed 3.5 of the 10 USDC needed" in said
    assert f"{maker} has 9.999999 of the 10 USDC needed" in said
    assert f"{taker} has 0.000000000000000004 of the 0.000000000000000005 WETH needed" in said
    assert [problem.party for problem in problems] == [maker, maker, taker]
    assert [(p.available, p.required) for p in problems] == [(9_999_999, 10**7), (3_500_000, 10**7), (4, 5)]


def test_legs_of_one_giver_need_their_sum_allowed():
    wallets = Wallets(allowances={(USDC, maker, SETTLEMENT): 15 * MILLION})
    said = told(check_trade(a_trade(pay(), pay(8 * MILLION)), wallets, taker))
    assert said == {ProblemCode.ALLOWANCE: f"{maker} has allowed 15 of the 18 USDC needed"}


def test_what_comes_first_may_be_passed_on():
    wallets = Wallets(balances={(USDC, maker): 10 * MILLION, (USDC, taker): 0})
    back = Leg(taker, maker, LegKind.ERC20, USDC, 0, 10 * MILLION)
    assert check_trade(a_trade(pay(), back), wallets, taker) == ()
    said = told(check_trade(a_trade(back, pay()), wallets, taker))
    assert said == {ProblemCode.BALANCE: f"{taker} has 0 of the 10 USDC needed"}


@pytest.mark.parametrize(
    ("quote", "sender", "code", "words"),
    [
        (a_quote(deadline=NOW - 7), taker, ProblemCode.EXPIRED, ["7 s ago", str(NOW - 7)]),
        (a_quote(signed=("taker",)), taker, ProblemCode.SIGNATURE, [maker, "no signature"]),
        (a_quote(signed=("maker",)), liquidator, ProblemCode.TAKER, [taker, liquidator]),
    ],
)
def test_a_swap_says_why(quote, sender, code, words):
    said = told(check_swap(quote, Wallets(), sender))
    assert list(said) == [code]
    assert all(word in said[code] for word in words)


def test_a_changed_quote_says_that_the_signature_is_over_something_else():
    quote = a_quote()
    changed = Quote(HERE, a_quote(maker_amount=MILLION).swap, quote.maker_signature, quote.taker_signature)
    said = told(check_swap(changed, Wallets(), taker))
    assert "not over exactly this message" in said[ProblemCode.SIGNATURE]


@pytest.mark.parametrize(
    ("trade", "wallets", "sender", "native", "code", "words"),
    [
        (a_trade(pay(), valid_after=NOW + 9), Wallets(), taker, None, ProblemCode.EARLY, ["9 s"]),
        (a_trade(pay(), submitter=maker), Wallets(), taker, None, ProblemCode.SUBMITTER, [maker, taker]),
        (a_trade(pay(), signers=["taker"]), Wallets(), taker, None, ProblemCode.SIGNATURE, [maker]),
        (a_trade(pay()), Wallets(used=1), taker, None, ProblemCode.NONCE, ["1 of its 2", "word 1"]),
        (a_trade(pay()), Wallets(codeless=(USDC,)), taker, None, ProblemCode.TOKEN, [USDC, "leg 0"]),
        (
            a_trade(Leg(maker, taker, LegKind.ERC721, NFT, 42, 1)),
            Wallets(owner=taker),
            taker,
            None,
            ProblemCode.BALANCE,
            [maker, "NAMELESS #42"],
        ),
        (
            a_trade(Leg(maker, taker, LegKind.ERC721, NFT, 42, 1)),
            Wallets(owner=maker, approved=None, operator=False),
            taker,
            None,
            ProblemCode.ALLOWANCE,
            [maker, "NAMELESS #42"],
        ),
        (
            a_trade(Leg(maker, taker, LegKind.ERC1155, MULTI, 7, 101)),
            Wallets(),
            taker,
            None,
            ProblemCode.BALANCE,
            [maker, "100 of the 101"],
        ),
        (
            a_trade(Leg(maker, taker, LegKind.NATIVE, ZERO_ADDRESS, 0, 5)),
            Wallets(),
            taker,
            None,
            ProblemCode.NATIVE,
            [maker, "leg 0"],
        ),
        (
            a_trade(Leg(taker, maker, LegKind.NATIVE, ZERO_ADDRESS, 0, 5)),
            Wallets(),
            taker,
            4,
            ProblemCode.VALUE,
            ["4 wei", "need 5"],
        ),
        (
            a_trade(Leg.position(maker, taker, LEDGER, 7, 3)),
            Wallets(codeless=(LEDGER,)),
            taker,
            None,
            ProblemCode.LEDGER,
            [LEDGER],
        ),
    ],
)
def test_a_trade_says_why(trade, wallets, sender, native, code, words):
    said = told(check_trade(trade, wallets, sender, native))
    assert list(said) == [code]
    assert all(word in said[code] for word in words)


@pytest.mark.parametrize("method", ApprovalMethod)
def test_an_approval_that_is_over_is_told(method):
    approval = Approval(0, method, 10 * MILLION, 0, NOW - 1, Signature(1, 1, 0))
    wallets = Wallets(allowances={(USDC, maker, SETTLEMENT): 0})
    said = told(check_trade(a_trade(pay(), approvals=[approval]), wallets, taker))
    assert said == {ProblemCode.APPROVAL: "the approval for leg 0 covers 0 of the 10 USDC needed"}


def test_an_approval_for_no_leg_is_told():
    approval = Approval(4, ApprovalMethod.PERMIT2, 1, 0, NOW, Signature(1, 1, 0))
    said = told(check_trade(a_trade(pay(), approvals=[approval]), Wallets(), taker))
    assert "leg 4, which does not exist" in said[ProblemCode.APPROVAL]


def test_permit2_needs_an_allowance_of_its_own():
    approval = Approval(0, ApprovalMethod.PERMIT2, 10 * MILLION, 0, NOW, Signature(1, 1, 0))
    wallets = Wallets(allowances={(USDC, maker, SETTLEMENT): 0, (USDC, maker, PERMIT2): 2 * MILLION})
    said = told(check_trade(a_trade(pay(), approvals=[approval]), wallets, taker))
    assert said == {ProblemCode.ALLOWANCE: f"{maker} has allowed to Permit2 2 of the 10 USDC needed"}


def test_settlement_is_no_party():
    trade = a_trade(pay(), parties=(maker, taker))
    wallets = Wallets(settlement=maker)
    assert ProblemCode.PARTIES in told(check_trade(trade, wallets, taker))


def test_all_reasons_are_given_at_once():
    quote = a_quote(signed=(), deadline=NOW - 1)
    wallets = Wallets(used=1 << 44, balances={(USDC, maker): 1}, allowances={(WETH, taker, SETTLEMENT): 0})
    problems = check_swap(quote, wallets, liquidator)
    wanted = {"EXPIRED", "SIGNATURE", "TAKER", "NONCE", "BALANCE", "ALLOWANCE"}
    assert {problem.code.name for problem in problems} == wanted
    error = NotSettleable(problems)
    assert all(problem.explain() in str(error) for problem in problems)
    assert error.to_json()["problems"] == [problem.explain() for problem in problems]
