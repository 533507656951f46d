"""`python -m peersettle` is the command `peersettle`."""

from peersettle.cli import main

if __name__ == "__main__":
    main()
