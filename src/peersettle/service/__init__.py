"""What all long-running processes share: time and patience, serving over HTTP, counting, logging, an orderly end."""
