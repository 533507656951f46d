"""Every mock does what its docstring says: one that does not misbehave would prove nothing."""

import boa
import pytest
from eth_account import Account
from eth_utils import function_signature_to_4byte_selector as selector
from tests.contracts.mocks import GarbageMode, load, rolled_back, signing

MAGIC, INVALID = bytes.fromhex("1626ba7e"), b"\xff" * 4
CODELESS = "0x0000000000000000000000000000000000009999"
COIN = ("USD Coin", "USDC", 6)
DIGEST, NONCE, TRADE_HASH = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32
FOREVER, GAS = 2**255, 3_000_000
signer, other = (Account.from_key(key.to_bytes(32, "big")) for key in (1, 2))
maker, taker, liquidator = signer.address, other.address, "0x" + "33" * 20


@pytest.fixture(autouse=True)
def isolated():
    with rolled_back():
        yield


def token_of(name):
    """A thousand held by the maker; the taker may pull five thousand."""
    token = load(name, *COIN)
    token.mint(maker, 1000)
    token.approve(taker, 5000, sender=maker)
    return token


def pull(token, amount):
    return token.transferFrom(maker, liquidator, amount, sender=taker)


def pulling(token, amount=1):
    return token.transferFrom.prepare_calldata(maker, liquidator, amount)


def refuses(reason, function, *args, sender=taker):
    with boa.reverts(reason):
        function(*args, sender=sender)


def word(number):
    return number.to_bytes(32, "big")


def call(contract, data, sender=taker):
    return boa.env.execute_code(to_address=contract.address, data=data, gas=GAS, sender=sender)


def error_of(contract, data, sender=taker):
    outcome = call(contract, data, sender)
    return bytes(outcome.output) if outcome.is_error else None


@pytest.mark.parametrize("kind", ["", "Silent", "Fee", "Blacklist", "Hook", "Phantom", "LyingBalance"])
def test_tokens_move_and_say_why_when_they_cannot(kind):
    token = token_of(f"{kind}Token")
    pulled = call(token, pulling(token, 400))
    assert pulled.output == (b"" if kind == "Silent" else word(1))
    assert (token.balanceOf(maker), token.balanceOf(liquidator)) == (600, 400)
    assert token.allowance(maker, taker) == 4600
    for amount, reason in ((601, "balance"), (4601, "allowance")):
        refuses(f"ERC20: transfer amount exceeds {reason}", token.transferFrom, maker, liquidator, amount)
    token.approve(taker, 2**256 - 1, sender=maker)
    pull(token, 1)
    assert token.allowance(maker, taker) == 2**256 - 1


def test_false_fee_and_lying_tokens_answer_false_deliver_less_and_misreport():
    false, fee, lying = map(token_of, ("FalseToken", "FeeToken", "LyingBalanceToken"))
    assert pull(false, 1001) is false.transfer(maker, 1, sender=taker) is False
    assert (pull(false, 1000), false.balanceOf(liquidator)) == (True, 1000)
    fee.set_fee(100)
    pull(fee, 1000)
    assert (fee.balanceOf(maker), fee.balanceOf(liquidator), fee.totalSupply()) == (0, 990, 990)
    lying.set_lie(liquidator, 7)
    pull(lying, 100)
    assert lying.balanceOf(liquidator) == 7
    lying.tell_truth(liquidator)
    assert lying.balanceOf(liquidator) == 100


def test_blacklist_token_freezes_spender_giver_receiver_and_all():
    token = token_of("BlacklistToken")
    for party in (taker, maker, liquidator):
        token.set_blacklisted(party, True)
        refuses("Blacklistable: account is blacklisted", token.transferFrom, maker, liquidator, 1)
        token.set_blacklisted(party, False)
    token.set_paused(True)
    refuses("Pausable: paused", token.transferFrom, maker, liquidator, 1)


def test_hook_token_hands_over_control_before_and_after():
    token, hook = token_of("HookToken"), load("Reentrant")
    hook.arm(token.address, token.balanceOf.prepare_calldata(maker))
    for party, seen in ((maker, 1000), (liquidator, 200)):
        token.set_hook(party, hook.address)
        pull(token, 400)
        token.set_hook(party, "0x" + "00" * 20)
        assert (hook.last_success(), int.from_bytes(hook.last_answer(), "big")) == (True, seen)
    assert hook.fired() == 2


@pytest.mark.parametrize("size", [1, 131_072])
def test_bomb_token_reverts_with_the_size_set(size):
    token = token_of("BombToken")
    assert len(error_of(token, pulling(token))) == 100_000
    token.set_size(size)
    token.set_permit_size(size)
    assert len(error_of(token, pulling(token))) == len(error_of(token, selector("permit()"))) == size
    token.set_size(0)
    assert pull(token, 1) is True


def test_gas_burn_token_leaves_no_gas():
    token = token_of("GasBurnToken")
    for data in (pulling(token), selector("permit()")):
        assert error_of(token, data) == b""
        assert call(token, data).get_gas_used() == GAS
    token.set_armed(False)
    assert pull(token, 1) is True


def test_phantom_token_swallows_permit_and_authorization_and_wraps_ether():
    token, real, junk = token_of("PhantomToken"), load("Token", *COIN), (27, bytes(32), bytes(32))
    permit = real.permit.prepare_calldata(maker, liquidator, 5, FOREVER, *junk)
    receive = real.receiveWithAuthorization.prepare_calldata(maker, taker, 5, 0, FOREVER, NONCE, *junk)
    assert call(token, permit).is_success is call(token, receive).is_success is True
    assert token.allowance(maker, liquidator) == token.balanceOf(taker) == 0
    boa.env.set_balance(taker, 10)
    token.deposit(sender=taker, value=10)
    token.withdraw(4, sender=taker)
    assert (token.balanceOf(taker), boa.env.get_balance(taker)) == (6, 4)


def test_permit_takes_the_owners_signature_once():
    token, terms = load("Token", *COIN), (maker, taker, 5)
    signature = signing.vrs(signing.sign_for_token(signer, token, "Permit", *terms, 0, FOREVER))
    refuses("permit is expired", token.permit, *terms, 1, *signature)
    token.permit(*terms, FOREVER, *signature)
    assert (token.allowance(*terms[:2]), token.nonces(maker)) == (5, 1)
    refuses("invalid signature", token.permit, *terms, FOREVER, *signature)


@pytest.mark.parametrize("verb", ["ReceiveWithAuthorization", "TransferWithAuthorization"])
def test_authorization_moves_once_unless_cancelled_and_only_the_payee_receives(verb):
    token, terms = token_of("Token"), (maker, taker, 5, 0, FOREVER, NONCE)
    signature = signing.vrs(signing.sign_for_token(signer, token, verb, *terms))
    cancellation = signing.vrs(signing.sign_for_token(signer, token, "CancelAuthorization", maker, NONCE))
    move = getattr(token, verb[0].lower() + verb[1:])
    if verb[0] == "R":
        refuses("caller must be the payee", move, *terms, *signature, sender=liquidator)
    refuses("authorization is expired", move, *terms[:4], 1, NONCE, *signature)
    with boa.env.anchor():
        move(*terms, *signature, sender=taker)
        assert token.balanceOf(taker) == 5
        refuses("authorization is used or canceled", move, *terms, *signature)
    token.cancelAuthorization(maker, NONCE, *cancellation)
    refuses("authorization is used or canceled", move, *terms, *signature)


def test_permit2_moves_what_was_signed_once_and_nothing_else():
    permit2, token, wallet = load("Permit2"), token_of("Token"), load("Wallet", maker)
    token.approve(permit2.address, 160, sender=maker)
    good, absent = (
        signing.sign_for_permit2(signer, permit2.address, asset, 100, taker, 7, FOREVER, TRADE_HASH)
        for asset in (token.address, CODELESS)
    )

    def use(amount=100, by=good, owner=maker, token=token.address, nonce=7, until=FOREVER, witness=TRADE_HASH):
        permit, move = ((token, 100), nonce, until), (liquidator, amount)
        arguments = (permit, move, owner, witness, signing.WITNESS_TYPE, by)
        return permit2.permitWitnessTransferFrom.prepare_calldata(*arguments)

    assert error_of(permit2, use(101)) == selector("InvalidAmount(uint256)") + word(100)
    assert error_of(permit2, use(until=100)) == selector("SignatureExpired(uint256)") + word(100)
    for unsigned in (use(witness=NONCE), use(nonce=8), use(until=FOREVER - 1), use(owner=taker)):
        assert error_of(permit2, unsigned) == selector("InvalidSigner()")
    assert error_of(permit2, use(), sender=maker) == selector("InvalidSigner()")
    assert error_of(permit2, use(by=good[:64] + b"\0")) == selector("InvalidSignature()")
    assert error_of(permit2, use(by=good[:63])) == selector("InvalidSignatureLength()")
    assert error_of(permit2, use(owner=wallet.address, nonce=8)) == selector("InvalidContractSignature()")
    assert call(permit2, use(60, by=signing.compact(good))).is_success
    assert token.balanceOf(liquidator) == 60
    assert error_of(permit2, use()) == selector("InvalidNonce()")
    assert b"TRANSFER_FROM_FAILED" in error_of(permit2, use(owner=wallet.address))
    assert call(permit2, use(owner=wallet.address, token=CODELESS, by=absent)).is_success


def test_nft_moves_by_approval_or_operator_only():
    nft = load("NFT")
    nft.mint(maker, 5)
    refuses("ERC721: transfer caller is not owner nor approved", nft.transferFrom, maker, liquidator, 5)
    nft.approve(taker, 5, sender=maker)
    pull(nft, 5)
    assert (nft.ownerOf(5), nft.balanceOf(liquidator), int(nft.getApproved(5), 16)) == (liquidator, 1, 0)
    nft.setApprovalForAll(taker, True, sender=liquidator)
    nft.transferFrom(liquidator, maker, 5, sender=taker)
    refuses("ERC721: invalid token ID", nft.ownerOf, 6)


def test_multi_token_calls_its_receiver_which_must_accept():
    items, receiver = load("MultiToken"), load("Reentrant")
    items.mint(maker, 5, 10)
    receiver.arm(items.address, items.balanceOf.prepare_calldata(maker, 5))
    move = (maker, receiver.address, 5, 4, b"")
    refuses("ERC1155: caller is not owner nor approved", items.safeTransferFrom, *move)
    items.setApprovalForAll(taker, True, sender=maker)
    items.safeTransferFrom(*move, sender=taker)
    assert (items.balanceOf(receiver.address, 5), receiver.last_answer()) == (4, word(6))
    with pytest.raises(boa.BoaError):
        items.safeTransferFrom(maker, items.address, 5, 4, b"", sender=taker)


def test_reentrant_fires_on_ether_but_not_inside_itself_and_records_failure():
    receiver = load("Reentrant")
    boa.env.set_balance(taker, 10)
    receiver.arm(receiver.address, b"", 3)
    boa.env.raw_call(receiver.address, sender=taker, value=10)
    assert (receiver.fired(), receiver.last_success(), boa.env.get_balance(receiver.address)) == (1, True, 10)
    receiver.arm(load("BombToken", *COIN).address, selector("transfer(address,uint256)") + bytes(64))
    boa.env.raw_call(receiver.address)
    assert (receiver.fired(), receiver.last_success(), receiver.last_answer()) == (2, False, bytes(100))


def test_wallets_know_their_owners_hold_ether_and_execute():
    wallet, both = load("Wallet", maker), load("MultisigWallet", maker, taker)
    by_maker, by_taker = signing.sign_digest(signer, DIGEST), signing.sign_digest(other, DIGEST)
    for form in (bytes, signing.compact):
        assert wallet.isValidSignature(DIGEST, form(by_maker)) == MAGIC
        assert wallet.isValidSignature(DIGEST, form(by_taker)) == INVALID
        assert wallet.isValidSignature(NONCE, form(by_maker)) == INVALID
    assert both.isValidSignature(DIGEST, by_maker + by_taker) == MAGIC
    for wrong in (by_taker + by_maker, by_maker * 2, by_maker):
        assert both.isValidSignature(DIGEST, wrong) == INVALID
    boa.env.set_balance(taker, 20)
    for contract in (wallet, both):
        refuses("owner", contract.execute, CODELESS, b"", sender=liquidator)
        boa.env.raw_call(contract.address, sender=taker, value=10)
        contract.execute(CODELESS, b"", 4, sender=maker)
        assert boa.env.get_balance(contract.address) == 6


def test_garbage_wallet_answers_as_its_mode_says():
    wallet, magic = load("GarbageWallet", GarbageMode.VALID), MAGIC.ljust(32, b"\0")
    question = selector("isValidSignature(bytes32,bytes)") + DIGEST + word(64) + bytes(32)
    expected = {
        GarbageMode.VALID: magic,
        GarbageMode.WRONG_MAGIC: INVALID.ljust(32, b"\0"),
        GarbageMode.DIRTY_MAGIC: magic[:31] + b"\1",
        GarbageMode.NOTHING: b"",
        GarbageMode.SIXTY_FOUR_BYTES: magic + bytes(32),
        GarbageMode.HUGE: magic.ljust(100_000, b"\0"),
        GarbageMode.ONE: word(1),
    }
    for mode in GarbageMode:
        wallet.set_mode(mode)
        answer = call(wallet, question)
        assert answer.is_error == (mode not in expected)
        assert mode not in expected or answer.output == expected[mode]
        assert (answer.get_gas_used() == GAS) == (mode == GarbageMode.BURN_GAS)


def test_stub_ledger_moves_all_or_nothing_within_its_limit():
    ledger = load("StubLedger", taker, 10)
    short, long, more = 1 << 96, 2 << 96, [(1 << 96, 2 << 96, 6, 1)]
    ledger.settle_positions(TRADE_HASH, [(short, long, 5, 12), (long, short, 5, 2)], sender=taker)
    assert (ledger.positions(short, 5), ledger.positions(long, 5), ledger.short_lots(short)) == (-10, 10, 10)
    assert (ledger.calls(), ledger.last_trade_hash()) == (1, TRADE_HASH)
    refuses("margin", ledger.settle_positions, TRADE_HASH, more)
    refuses("settlement", ledger.settle_positions, TRADE_HASH, [], sender=maker)
    ledger.set_limit(11)
    ledger.arm(ledger.address, ledger.settle_positions.prepare_calldata(TRADE_HASH, []))
    ledger.settle_positions(TRADE_HASH, more, sender=taker)
    assert (ledger.calls(), ledger.fired(), ledger.last_success()) == (2, 1, False)
    ledger.set_reverting(True)
    refuses("ledger", ledger.settle_positions, TRADE_HASH, [])
