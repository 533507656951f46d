"""One module for each group of commands. A command reads its options, calls the package, prints."""
