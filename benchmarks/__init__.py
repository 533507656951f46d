"""What PeerSettle costs in gas, beside its peers, on a local anvil."""
