"""Benchmarks: what is promised of speed, measured."""
