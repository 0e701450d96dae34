"""
What holds for every test.

Ctrl-C reaches the programs that a test starts: a shell that put the tests into its background has it ignored, and a
program inherits that.
"""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
