"""The command line: thin commands over the package, for people and for scripts."""

from peersettle.cli.app import main

__all__ = ["main"]
