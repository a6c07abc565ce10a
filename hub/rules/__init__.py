"""Floor 1, the rules: pure functions and values.

No I/O, no asyncio, no clock of their own: what they need to know, they are told.
"""
