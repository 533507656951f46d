# pragma version 0.4.3
# pragma evm-version cancun
"""
@title MultiToken
@license MIT
@notice A well-behaved ERC-1155: a receiver with code is called, and must accept. Minting calls nobody.
"""

interface Receiver:
    def onERC1155Received(
        operator: address, giver: address, id: uint256, amount: uint256, data: Bytes[1024]
    ) -> bytes4: nonpayable


event TransferSingle:
    operator: indexed(address)
    giver: indexed(address)
    receiver: indexed(address)
    id: uint256
    amount: uint256


ACCEPTED: constant(bytes4) = 0xf23a6e61

balances: HashMap[uint256, HashMap[address, uint256]]
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])


@external
@view
def balanceOf(owner: address, id: uint256) -> uint256:
    return self.balances[id][owner]


@external
def mint(receiver: address, id: uint256, amount: uint256):
    self.balances[id][receiver] += amount


@external
def setApprovalForAll(operator: address, approved: bool):
    self.isApprovedForAll[msg.sender][operator] = approved


@external
def safeTransferFrom(giver: address, receiver: address, id: uint256, amount: uint256, data: Bytes[1024]):
    assert msg.sender == giver or self.isApprovedForAll[giver][msg.sender], "ERC1155: caller is not owner nor approved"
    assert receiver != empty(address), "ERC1155: transfer to the zero address"
    assert self.balances[id][giver] >= amount, "ERC1155: insufficient balance for transfer"
    self.balances[id][giver] -= amount
    self.balances[id][receiver] += amount
    log TransferSingle(operator=msg.sender, giver=giver, receiver=receiver, id=id, amount=amount)
    if receiver.is_contract:
        answer: bytes4 = extcall Receiver(receiver).onERC1155Received(msg.sender, giver, id, amount, data)
        assert answer == ACCEPTED, "ERC1155: ERC1155Receiver rejected tokens"
