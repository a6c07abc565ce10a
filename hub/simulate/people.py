"""The people's part: they read what they were told.

Invariant: only one's own notifications are read, and nobody's backlog grows without end.
"""

from __future__ import annotations

from hub.simulate.stage import GiveWay, Stage

#: Beyond so many unread, people skim.
BACKLOG = 25


async def notifications_read(stage: Stage) -> str | None:
    """Somebody, more often a student than not, reads a few, the oldest first."""
    people = [*stage.students, *stage.instructors, *stage.admins]
    for person in stage.rng.sample(people, len(people)):
        unread = [row["id"] for row in await stage.look("simulate_unread", user=person.id)]
        if not unread:
            continue
        few = max(stage.rng.randint(1, 3), len(unread) - BACKLOG)
        async with stage.change(person.id) as change:
            if not (read := await change.rows("simulate_read", ids=unread[:few], user=person.id)):
                raise GiveWay
        return f"{person.name} reads {len(read)} notification{'s' if len(read) > 1 else ''}"
    return None
