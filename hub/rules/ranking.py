"""Which of the offered times suits two people best: the hub's choice between their rankings.

Pure, and the same whoever ranks first. Invariant: a time that either has marked unavailable is
never chosen, and no order depends on how the options or the rankings were listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

#: The rank of an option that was neither ranked nor marked unavailable: behind a third choice.
UNRANKED = 4


@dataclass(frozen=True, slots=True)
class Option:
    """One offered time: a row of ``reschedule_options``. ``score`` is the AI's, 0 to 1, or None."""

    id: str
    at: datetime
    score: float | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one person said: ids of options, the first choice first; None where a place is empty."""

    choices: tuple[str | None, ...]
    unavailable: frozenset[str] = frozenset()

    def rank(self, option: Option) -> int:
        """1 to 3, or UNRANKED."""
        return self.choices.index(option.id) + 1 if option.id in self.choices else UNRANKED


def in_order(options: Iterable[Option], rankings: Sequence[Ranking]) -> list[Option]:
    """The options nobody marked unavailable, the best first.

    The least sum of ranks; then the higher score, none being lowest; then the earlier; then the
    smaller id, so that every node chooses alike.
    """
    left = [one for one in options if all(one.id not in said.unavailable for said in rankings)]
    return sorted(
        left,
        key=lambda one: (
            sum(said.rank(one) for said in rankings),
            one.score is None,
            -(one.score or 0.0),
            one.at,
            one.id,
        ),
    )
