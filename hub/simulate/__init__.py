"""A day at the school, played by writing rows as other programs would. Development only.

The house calls :func:`simulate`; the other modules are its happenings: the weather, the
rescheduling, dispatch and the people. SQL text lies in ``sql/queries/simulate.sql``. Invariants:
a happening is one transaction or nothing; none breaks a rule of the schedule; nothing here ever
speaks to a socket, for commit is the only publish.
"""

from __future__ import annotations

from hub.simulate.day import simulate

__all__ = ["simulate"]
