# pragma version 0.4.3
"""
@title The prover's cheat codes
@license MIT
"""


interface Vm:
    def assume(condition: bool): nonpayable
    def prank(sender: address, origin: address): nonpayable
    def warp(timestamp: uint256): nonpayable
    def load(target: address, slot: bytes32) -> bytes32: nonpayable
    def assertTrue(condition: bool): nonpayable
    def getCode(path: String[64]) -> Bytes[49152]: nonpayable


interface Svm:
    def enableSymbolicStorage(target: address): nonpayable


VM: constant(Vm) = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D)
SVM: constant(Svm) = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9)


@internal
def _assume(condition: bool):
    extcall VM.assume(condition, skip_contract_check=True)


@internal
def _prove(condition: bool):
    extcall VM.assertTrue(condition, skip_contract_check=True)


@internal
def _reached():
    """
    @notice The end of a witness: a proof "fails" here when its assumptions can be met.
    """
    extcall VM.assertTrue(False, skip_contract_check=True)


@internal
def _send_as(sender: address):
    """
    @notice The next call comes from `sender`, in a transaction that somebody else may have sent.
    """
    extcall VM.prank(sender, 0x00000000000000000000000000000000000000A1, skip_contract_check=True)


@internal
def _at(timestamp: uint256):
    extcall VM.warp(timestamp, skip_contract_check=True)


@internal
def _load(target: address, slot: bytes32) -> uint256:
    return convert(extcall VM.load(target, slot, skip_contract_check=True), uint256)


@internal
def _code(path: String[64]) -> Bytes[49152]:
    return extcall VM.getCode(path, skip_contract_check=True)


@internal
def _from_any_state(target: address):
    extcall SVM.enableSymbolicStorage(target, skip_contract_check=True)
