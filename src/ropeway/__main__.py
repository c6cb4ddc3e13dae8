"""`python -m ropeway`."""

from ropeway.cli.app import main

main()
