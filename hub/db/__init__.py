"""The database room: where the files are, how to connect, how to migrate, the named queries.

Nothing here decides about the schedule and nothing here speaks HTTP. Invariant: an
asyncpg error leaves this room only as one of ``hub.errors``.
"""
