"""Benchmarks: ratios within one run, never seconds, so that they mean the same on every machine."""
