#!/usr/bin/env python3
"""Register the model of a run (the newest, or the one named) in MLflow: `ropeway register`."""

import sys

from ropeway.cli.app import main

sys.argv[1:1] = ["register"]
main()
