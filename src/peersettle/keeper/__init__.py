"""A keeper: watches all margin accounts, settles what has expired, and bids for accounts that are below maintenance."""
