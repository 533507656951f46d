# pragma version 0.4.3
"""
@title Loans to accounts that owe more cash after an expiry than they have
@license MIT
@notice Bounded for one account and for all together, at simple interest that the Ledger adds to the account's debt whenever it touches it.
"""

WAD: constant(uint256) = 10**18
YEAR: constant(uint256) = 365 * 86_400
RATE: constant(uint256) = 2 * 10**17            # a year
ACCOUNT_PART: constant(uint256) = 20            # one account borrows at most a 20th of what is idle
TOTAL_PART: constant(uint256) = 4               # all together a quarter


struct Loan:
    owed: uint256       # wad
    since: uint256      # when interest was last added


loans: HashMap[uint256, Loan]
lent: uint256           # wad: what all accounts owe
lent_since: uint256     # the sum of what each owes times since when


@internal
def _accrue(account: uint256) -> uint256:
    loan: Loan = self.loans[account]
    if loan.owed == 0 or loan.since == block.timestamp:
        return 0
    interest: uint256 = (loan.owed * RATE * (block.timestamp - loan.since) + WAD * YEAR - 1) // (WAD * YEAR)
    self._keep(account, loan.owed + interest, block.timestamp)
    return interest


@internal
def _lend(account: uint256, wanted: uint256, free: uint256) -> uint256:
    """
    @param free Cash that is idle and not reserved, wad.
    """
    owed: uint256 = self.loans[account].owed
    pool: uint256 = free + self.lent
    granted: uint256 = min(wanted, free)
    granted = min(granted, pool // ACCOUNT_PART - min(pool // ACCOUNT_PART, owed))
    granted = min(granted, pool // TOTAL_PART - min(pool // TOTAL_PART, self.lent))
    self._keep(account, owed + granted, block.timestamp)
    return granted


@internal
def _repaid(account: uint256, amount: uint256):
    loan: Loan = self.loans[account]
    # No more is ever owed; a surplus must not stop a deposit.
    self._keep(account, loan.owed - min(amount, loan.owed), loan.since)


@internal
@view
def _interest() -> uint256:
    """
    @notice On all loans, not added yet, wad.
    """
    return (self.lent * block.timestamp - self.lent_since) * RATE // (WAD * YEAR)


@internal
def _keep(account: uint256, owed: uint256, since: uint256):
    before: Loan = self.loans[account]
    self.loans[account] = Loan(owed=owed, since=since)
    self.lent = self.lent + owed - before.owed
    self.lent_since = self.lent_since + owed * since - before.owed * before.since
