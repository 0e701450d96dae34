"""The nouns: pure values and functions of values; no I/O, no clock, no environment."""
