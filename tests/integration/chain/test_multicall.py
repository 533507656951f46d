"""Several calls as one transaction, and several questions at one moment, on both kinds of chain."""

import pytest
from tests.integration.chain.conftest import Scene

from peersettle.bindings import Question, Token, ask, together
from peersettle.chain import Call, artifact
from peersettle.errors import InputError, TokenReverted

FUNCTIONS = artifact("DemoToken").functions


@pytest.fixture
def token(scene: Scene) -> Token:
    """A demo token."""
    return Token(scene.chain, next(iter(scene.deployment.tokens.values())))


def question(token: Token, name: str, *arguments: object) -> Question:
    return Question(token.address, FUNCTIONS[name].encode(*arguments), FUNCTIONS[name])


def transfer(token: Token, amount: int) -> Call:
    """A call that the constructor cannot make: it has none of the token."""
    return Call(token.address, FUNCTIONS["transfer"].encode(token.address, amount), what="transfer")


def test_all_calls_are_made_in_order_and_one_that_is_refused_stops_none(scene: Scene, token: Token):
    who, before = scene.maker.address, token.balance(scene.maker.address)
    receipt = scene.maker.send(together([token.mint(who, 5), transfer(token, 9)], token.mint(who, 7)))
    assert token.balance(who) == before + 12
    assert receipt.contract is None or scene.chain.code(receipt.contract) == b""


def test_a_last_call_that_is_refused_undoes_all_with_its_reason(scene: Scene, token: Token):
    who, before = scene.maker.address, token.balance(scene.maker.address)
    with pytest.raises(TokenReverted, match="balance"):
        scene.maker.send(together([token.mint(who, 5)], transfer(token, 9)))
    assert token.balance(who) == before


def test_without_preparations_the_call_is_itself(scene: Scene, token: Token):
    call = token.mint(scene.maker.address, 5)
    assert together([], call) is call


def test_what_cannot_go_together_is_refused_before_it_is_sent(scene: Scene, token: Token):
    mint = token.mint(scene.maker.address, 5)
    for wrong in (Call(None, b"\x00"), Call(token.address, b"", value=1), Call(token.address, b"x" * 50_000)):
        with pytest.raises(InputError):
            together([wrong], mint)
        with pytest.raises(InputError):
            together([mint], wrong)


def test_questions_are_answered_as_after_the_preparations_and_nothing_is_sent(scene: Scene, token: Token):
    who, before, block = scene.maker.address, token.balance(scene.maker.address), scene.chain.block_number()
    questions = [
        question(token, "balanceOf", who),
        question(token, "name"),
        question(token, "transferFrom", who, who, 1),
        question(token, "decimals"),
    ]
    balance, name, refused, decimals = ask(scene.chain, questions, [token.mint(who, 100)])
    assert balance == (before + 100,)
    assert (name, decimals) == ((token.name(),), (token.decimals(),))
    assert refused is None
    assert (token.balance(who), scene.chain.block_number()) == (before, block)


@pytest.mark.parametrize("count", [0, 1, 450])
def test_any_number_of_questions_is_answered(scene: Scene, token: Token, count: int):
    answers = ask(scene.chain, [question(token, "balanceOf", scene.maker.address)] * count)
    assert answers == [(token.balance(scene.maker.address),)] * count
