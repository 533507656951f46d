"""The reporter: prices from many sources made into one, signed, exchanged with peers, and submitted to the chain."""
