"""How a store of an older version becomes one of this version: one revision for each."""
