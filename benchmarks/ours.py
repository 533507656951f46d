"""What PeerSettle itself needs, under the conditions of the peers: a receipt for each entry point and leg kind."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coincurve
from eth_account import Account
from eth_account.signers.local import LocalAccount
from vyper import compile_code
from web3.contract import Contract
from web3.types import TxReceipt

from benchmarks.floor import Floor, measure_floor
from benchmarks.scene import ETHER, UNLIMITED, Scene, deploy, send
from peersettle.trades import (
    NETTABLE,
    Approval,
    ApprovalMethod,
    Domain,
    Leg,
    LegKind,
    Quote,
    Signature,
    SignedTrade,
    Swap,
    Trade,
    net,
    sign_digest,
)
from peersettle.trades.approvals import authorization_typed_data, permit2_typed_data, permit_typed_data
from peersettle.types import ZERO_ADDRESS, Address, address, keccak

ROOT = Path(__file__).parents[1]
ARTIFACT = ROOT / "src/peersettle/contracts/artifacts/Settlement.json"
MOCKS = ROOT / "tests/contracts/mocks"
NET_SWAPS = 50
NOVATED = 120
# Trade nonces of one word, in the order of the measurements: the word is in use before the first that counts.
NOVATION_WORD = 0


class Bench:
    """PeerSettle on a scene. Every measured transaction is its own, so all storage is cold."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        artifact = json.loads(ARTIFACT.read_text())
        self.permit2 = deploy(scene.w3, scene.relayer, *compiled("Permit2"))
        self.settlement = deploy(scene.w3, scene.relayer, artifact["abi"], artifact["bytecode"], self.permit2.address)
        self.domain = Domain(scene.w3.eth.chain_id, Address(self.settlement.address))
        self.maker_token, self.taker_token = (
            Address(token.address) for token in (scene.maker_token, scene.taker_token)
        )
        self.parties = tuple(sorted((Address(a.address) for a in (scene.maker, scene.taker)), key=lambda a: int(a, 16)))
        self._swap_nonce = 0
        self._trade_bit = 0
        scene.approve(self.settlement.address)

    # Messages

    def quote(self, nonce: int | None = None, terms: bytes = bytes(32), signers: str = "maker taker") -> Quote:
        """The scene's swap, signed."""
        scene = self.scene
        if nonce is None:
            nonce, self._swap_nonce = self._swap_nonce, self._swap_nonce + 1
        swap = Swap(
            address(scene.maker.address),
            address(scene.taker.address),
            self.maker_token,
            scene.maker_amount,
            self.taker_token,
            scene.taker_amount,
            nonce,
            scene.expiry,
            keccak(terms) if any(terms) else bytes(32),  # type: ignore[arg-type]
        )
        quote = Quote(self.domain, swap)
        return Quote(
            self.domain,
            swap,
            signed(scene.maker, quote.digest) if "maker" in signers else b"",
            signed(scene.taker, quote.digest) if "taker" in signers else b"",
        )

    def legs(self) -> tuple[Leg, Leg]:
        """The scene's swap as the two legs of a trade."""
        first, second = self.quote(nonce=0).swap.legs()
        return first, second

    def trade(self, legs: Sequence[Leg], signers: Sequence[LocalAccount], bits: int = 1) -> SignedTrade:
        """A trade over `legs` with the next `bits` free bits of one nonce word, signed by `signers`."""
        mask = ((1 << bits) - 1) << self._trade_bit
        self._trade_bit += bits
        trade = Trade(self.parties, tuple(legs), NOVATION_WORD, mask, 0, self.scene.expiry)
        document = SignedTrade(self.domain, trade)
        for signer in signers:
            document = document.with_signature(Address(signer.address), signed(signer, document.digest))
        return document

    # Transactions

    def swap(self, terms: bytes = bytes(32)) -> TxReceipt:
        """Maker signed, the taker sends."""
        quote = self.quote(terms=terms)
        call = self.settlement.functions.swap(quote.swap.to_abi(), pair(quote.maker_signature))
        return self.scene.settle(self.scene.taker, call)

    def swap_relayed(self) -> TxReceipt:
        """Both signed, a third party sends."""
        quote = self.quote()
        call = self.settlement.functions.swap_relayed(
            quote.swap.to_abi(), pair(quote.maker_signature), pair(quote.taker_signature)
        )
        return self.scene.settle(self.scene.relayer, call)

    def settle(self, document: SignedTrade, sender: LocalAccount, approvals: Sequence[Approval] = ()) -> TxReceipt:
        """Settle a trade."""
        call = self.settlement.functions.settle(
            document.trade.to_abi(), document.in_order(), [a.to_abi() for a in approvals]
        )
        return send(self.scene.w3, sender, call)

    def settle_net(self, first_nonce: int, sender: LocalAccount) -> TxReceipt:
        """`NET_SWAPS` swaps between the two, netted; the sender's own signatures are left out."""
        signers = "maker taker" if sender is self.scene.relayer else "maker"
        quotes = [self.quote(nonce=NETTABLE | (first_nonce + index), signers=signers) for index in range(NET_SWAPS)]
        call = self.settlement.functions.settle_net(*net(quotes).to_abi())
        return self.scene.settle(sender, call, swaps=NET_SWAPS)

    def settle_batch(self) -> TxReceipt:
        """Two trades of two legs each, both signed by both."""
        entries = []
        for _ in range(2):
            document = self.trade(self.legs(), (self.scene.maker, self.scene.taker))
            call = self.settlement.functions.settle(document.trade.to_abi(), document.in_order(), [])
            entries.append(bytes.fromhex(call._encode_transaction_data()[10:]))
        batch = self.settlement.functions.settle_batch(entries, [200_000] * len(entries))
        return self.scene.settle(self.scene.relayer, batch, swaps=2)


def measure(scene: Scene) -> tuple[dict[str, int], Floor]:
    """Gas of every entry point and leg kind, and the floor of the maker-signed swap."""
    bench = Bench(scene)
    figures = {
        "deploy": scene.w3.eth.get_transaction_receipt(deployment(scene, bench.settlement))["gasUsed"],
        "swap_first_of_word": bench.swap()["gasUsed"],
    }
    swap = bench.swap()
    floor = measure_floor(scene.w3, swap["transactionHash"].to_0x_hex())
    figures |= {
        "swap": swap["gasUsed"],
        "swap_with_terms": bench.swap(terms=b"agreed off chain")["gasUsed"],
        "swap_relayed": bench.swap_relayed()["gasUsed"],
    }
    both = (scene.maker, scene.taker)
    bench.settle(bench.trade(bench.legs(), both), scene.relayer)  # puts the word in use
    figures |= {
        "trade_2legs": bench.settle(bench.trade(bench.legs(), (scene.maker,)), scene.taker)["gasUsed"],
        "trade_2legs_relayed": bench.settle(bench.trade(bench.legs(), both), scene.relayer)["gasUsed"],
        "novation120": bench.settle(bench.trade(bench.legs(), (scene.maker,), NOVATED), scene.taker)["gasUsed"],
    }
    bench.settle_net(0, scene.relayer)  # puts the netting word in use
    figures |= {
        "net50_per_trade": round(bench.settle_net(NET_SWAPS, scene.relayer)["gasUsed"] / NET_SWAPS),
        "net50_by_party_per_trade": round(bench.settle_net(2 * NET_SWAPS, scene.taker)["gasUsed"] / NET_SWAPS),
        "batch2_relayed": bench.settle_batch()["gasUsed"],
    }
    figures |= measure_approvals(bench)
    figures |= measure_kinds(bench)
    cancel = send(scene.w3, scene.maker, bench.settlement.functions.cancel(0, 1 << 255))
    notice = send(scene.w3, scene.maker, bench.settlement.functions.cancel_trade(list(bench.parties), 0, 1 << 254))
    return figures | {"cancel": cancel["gasUsed"], "cancel_trade": notice["gasUsed"]}, floor


def measure_approvals(bench: Bench) -> dict[str, int]:
    """A swap of a USDC-like token whose maker brings a signed approval instead of a standing allowance."""
    scene = bench.scene
    token = deploy(scene.w3, scene.maker, *compiled("Token"), "USD Coin", "USDC", 6)
    for account in (scene.maker, scene.taker):
        send(scene.w3, scene.maker, token.functions.mint(account.address, UNLIMITED // 4))
    domain = {
        "name": "USD Coin",
        "version": "2",
        "chainId": bench.domain.chain_id,
        "verifyingContract": token.address,
    }
    figures = {}
    for method in ApprovalMethod:
        swap = bench.quote().swap
        swap = Swap(
            swap.maker,
            swap.taker,
            Address(token.address),
            1000,
            swap.taker_token,
            swap.taker_amount,
            swap.nonce,
            swap.deadline,
        )
        quote = Quote(bench.domain, swap)
        leg, nonce = swap.legs()[0], 0
        if method is ApprovalMethod.ERC2612:
            message = permit_typed_data(domain, swap.maker, bench.domain.settlement, leg.amount, nonce, scene.expiry)
        elif method is ApprovalMethod.PERMIT2:
            send(scene.w3, scene.maker, token.functions.approve(bench.permit2.address, UNLIMITED))
            message = permit2_typed_data(
                bench.domain.chain_id,
                Address(bench.permit2.address),
                bench.domain.settlement,
                leg,
                quote.digest,
                nonce,
                scene.expiry,
            )
        else:
            message = authorization_typed_data(domain, bench.domain.settlement, leg, 0, quote.digest, scene.expiry)
        signature = Account.sign_typed_data(scene.maker.key, full_message=message).signature
        approval = Approval(0, method, leg.amount, nonce, scene.expiry, Signature.from_bytes(signature))
        call = bench.settlement.functions.swap_approved(
            swap.to_abi(), signed(scene.maker, quote.digest), b"", [approval.to_abi()]
        )
        figures[f"swap_{method.name.lower()}"] = send(scene.w3, scene.taker, call)["gasUsed"]
    return figures


def measure_kinds(bench: Bench) -> dict[str, int]:
    """A trade with one leg of each kind beside the maker's ERC-20 leg; the taker sends."""
    scene = bench.scene
    maker, taker = Address(scene.maker.address), Address(scene.taker.address)
    nft = deploy(scene.w3, scene.maker, *compiled("NFT"), "Deed", "DEED")
    multi = deploy(scene.w3, scene.maker, *compiled("MultiToken"))
    ledger = deploy(scene.w3, scene.maker, *compiled("StubLedger"), bench.settlement.address, 10**6)
    send(scene.w3, scene.maker, nft.functions.mint(taker, 1))
    send(scene.w3, scene.maker, multi.functions.mint(taker, 1, 100))
    for token in (nft, multi):
        send(scene.w3, scene.taker, token.functions.setApprovalForAll(bench.settlement.address, True))
    payment = bench.legs()[0]
    others = {
        "erc20_exact": Leg(taker, maker, LegKind.ERC20_EXACT, bench.taker_token, 0, ETHER),
        "erc721": Leg(taker, maker, LegKind.ERC721, Address(nft.address), 1, 1),
        "erc1155": Leg(taker, maker, LegKind.ERC1155, Address(multi.address), 1, 10),
        "native": Leg(taker, maker, LegKind.NATIVE, ZERO_ADDRESS, 0, 1),
        "position": Leg.position(taker, maker, Address(ledger.address), 7, 1),
    }
    figures = {}
    for name, leg in others.items():
        document = bench.trade((payment, leg), (scene.maker,))
        call: Any = bench.settlement.functions.settle(document.trade.to_abi(), document.in_order(), [])
        if document.trade.native_amount:
            call = Attached(call, document.trade.native_amount)
        figures[f"trade_{name}"] = send(scene.w3, scene.taker, call)["gasUsed"]
    return figures


class Attached:
    """A call with a native amount."""

    def __init__(self, call: Any, amount: int) -> None:
        self.fn_name, self._call, self._amount = call.fn_name, call, amount

    def build_transaction(self, fields: dict[str, Any]) -> Any:
        """As the call's own, with the amount."""
        return self._call.build_transaction({**fields, "value": self._amount})


def signed(account: LocalAccount, digest: Any) -> bytes:
    """The account's signature over a digest, compact."""
    return sign_digest(coincurve.PrivateKey(bytes(account.key)), digest).to_compact()


def pair(signature: bytes) -> tuple[bytes, bytes]:
    """The contract's `Signature` struct."""
    return Signature.from_bytes(signature).to_abi()


def compiled(mock: str) -> tuple[list[Any], str]:
    """ABI and creation code of a contract of the tests."""
    path = MOCKS / f"{mock}.vy"
    from vyper.compiler.input_bundle import FilesystemInputBundle

    bundle = FilesystemInputBundle([ROOT / "src", MOCKS])
    output = compile_code(path.read_text(), contract_path=path, input_bundle=bundle, output_formats=["abi", "bytecode"])
    return output["abi"], output["bytecode"]


def deployment(scene: Scene, contract: Contract) -> Any:
    """The hash of the transaction that deployed `contract`; anvil keeps one transaction a block."""
    for number in range(scene.w3.eth.block_number, -1, -1):
        for transaction_hash in scene.w3.eth.get_block(number)["transactions"]:
            if scene.w3.eth.get_transaction_receipt(transaction_hash)["contractAddress"] == contract.address:  # type: ignore[arg-type]
                return transaction_hash
    raise LookupError(contract.address)
