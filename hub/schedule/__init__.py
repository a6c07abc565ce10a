"""Floor 3, the schedule's work: every change of it, each in one transaction, and its reads.

No HTTP and no SQL text. Who may do what is decided before a row is touched, what may happen to a
row while it is locked; telling anybody about it is the feed's business alone.
"""
