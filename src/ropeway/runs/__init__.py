"""One run on this machine: written down, held to what it began with, held by one process, logged, shown."""
