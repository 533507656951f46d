# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Attester
@license MIT
@notice A reporter that is a contract. It stands by one price, or answers in a way that a careless caller takes for yes.
"""

MAX_SIZE: constant(uint256) = 96

# The test helper's `AttesterMode` has the same values.
HONEST: constant(uint256) = 0       # stands by its price and nothing else
YES: constant(uint256) = 1          # stands by everything
REVERT: constant(uint256) = 2
BARE_REVERT: constant(uint256) = 3
NOTHING: constant(uint256) = 4      # no data at all
TWO: constant(uint256) = 5          # a word that is no truth value

mode: public(uint256)
price: public(uint256)


@external
def set_mode(mode: uint256):
    self.mode = mode


@external
def set_price(price: uint256):
    self.price = price


@external
@view
@raw_return
def attests(feed: bytes32, price: uint256, observed_at: uint256) -> Bytes[MAX_SIZE]:
    mode: uint256 = self.mode
    if mode == HONEST:
        return abi_encode(price == self.price)
    if mode == YES:
        return abi_encode(True)
    if mode == NOTHING:
        return b""
    if mode == TWO:
        return abi_encode(convert(2, uint256))
    if mode == BARE_REVERT:
        raise
    raise "offline"
