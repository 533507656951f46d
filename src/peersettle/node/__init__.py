"""A long-running peer: asks and answers, agrees, settles, and remembers."""
