# pragma version 0.4.3
# pragma evm-version cancun
"""
@title NFT
@license MIT
@notice A well-behaved ERC-721 without safe transfers.
"""

event Transfer:
    giver: indexed(address)
    receiver: indexed(address)
    id: indexed(uint256)


owners: HashMap[uint256, address]
approved: HashMap[uint256, address]
balanceOf: public(HashMap[address, uint256])
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])


@external
@view
def ownerOf(id: uint256) -> address:
    return self._owner(id)


@external
@view
def getApproved(id: uint256) -> address:
    self._owner(id)
    return self.approved[id]


@external
def mint(receiver: address, id: uint256):
    assert self.owners[id] == empty(address), "ERC721: token already minted"
    self.owners[id] = receiver
    self.balanceOf[receiver] += 1
    log Transfer(giver=empty(address), receiver=receiver, id=id)


@external
def approve(spender: address, id: uint256):
    owner: address = self._owner(id)
    assert msg.sender == owner or self.isApprovedForAll[owner][msg.sender], "ERC721: approve caller is not owner nor approved"
    self.approved[id] = spender


@external
def setApprovalForAll(operator: address, approved: bool):
    self.isApprovedForAll[msg.sender][operator] = approved


@external
def transferFrom(giver: address, receiver: address, id: uint256):
    owner: address = self._owner(id)
    assert (
        msg.sender == owner or msg.sender == self.approved[id] or self.isApprovedForAll[owner][msg.sender]
    ), "ERC721: transfer caller is not owner nor approved"
    assert giver == owner, "ERC721: transfer from incorrect owner"
    assert receiver != empty(address), "ERC721: transfer to the zero address"
    self.approved[id] = empty(address)
    self.owners[id] = receiver
    self.balanceOf[giver] -= 1
    self.balanceOf[receiver] += 1
    log Transfer(giver=giver, receiver=receiver, id=id)


@internal
@view
def _owner(id: uint256) -> address:
    owner: address = self.owners[id]
    assert owner != empty(address), "ERC721: invalid token ID"
    return owner
