# pragma version 0.4.3
"""
@title A contract wallet that answers ERC-1271 as its (arbitrary) storage says
@license MIT
"""

answers: public(HashMap[bytes32, bytes32])


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[768]) -> bytes32:
    return self.answers[digest]
