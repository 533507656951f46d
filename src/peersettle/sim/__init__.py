"""Replays of past prices over a population of margin accounts: what would have happened, and whether all held."""
