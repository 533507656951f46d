"""Signing what reporters sign, with any signer."""

from __future__ import annotations

from peersettle.errors import SignerError
from peersettle.reports import Batch, OracleDomain, Report, SignedReport, SurfaceReport, digest, typed_data
from peersettle.signing import DigestSigner, Signer
from peersettle.trades.signature import Signature, recover


def sign_report(signer: Signer, domain: OracleDomain, report: Report) -> SignedReport:
    """The report with its signature.

    Raises:
        SignerError: a remote signer refused, or signed something else.
    """
    return SignedReport(domain, report, signer.address, sign_for_oracle(signer, domain, report))


def sign_for_oracle(signer: Signer, domain: OracleDomain, message: Report | Batch | SurfaceReport) -> bytes:
    """The signature alone: by digest where the key is here, as full typed data where a wallet shows it.

    Raises:
        SignerError: a remote signer refused, or signed something else.
    """
    wanted = digest(domain, message)
    if isinstance(signer, DigestSigner):
        return signer.sign_digest(wanted)
    signature = signer.sign_typed_data(typed_data(domain, message))
    made_by = recover(wanted, Signature.from_bytes(signature))
    if made_by != signer.address:
        raise SignerError(f"the signer for {signer.address} signed something else, or as {made_by}")
    return signature
