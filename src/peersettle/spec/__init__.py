"""The contracts' behaviour as plain, slow, exact Python; tests hold the contracts equal to it."""
