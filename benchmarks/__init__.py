"""Measurements: each subject prints a table and writes benchmarks/results/NAME.json."""
