"""The command line: thin, one function a command; everything it does is in `ropeway.api`."""
