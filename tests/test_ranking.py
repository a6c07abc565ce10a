"""The choice between two rankings: what it must and must not depend on."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.rules.ranking import UNRANKED, Option, Ranking, in_order

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)
IDS = "abcdefgh"


def option(id: str, hours: int = 0, score: float | None = None) -> Option:
    return Option(id, NOON + timedelta(hours=hours), score)


SETS = st.dictionaries(
    st.sampled_from(IDS),
    st.tuples(st.integers(0, 3), st.sampled_from([None, 0.0, 0.5, 1.0])),
    min_size=1,
).map(lambda found: [option(id, hours, score) for id, (hours, score) in found.items()])


@st.composite
def rankings(draw: st.DrawFn) -> Ranking:
    """What somebody may say: up to three, and others marked unavailable."""
    ids = draw(st.permutations(IDS))
    ranked = draw(st.integers(0, 3))
    never = draw(st.integers(0, 4))
    return Ranking(tuple(ids[:ranked]), frozenset(ids[ranked : ranked + never]))


def ids(found: list[Option]) -> str:
    return "".join(one.id for one in found)


def test_the_least_sum_of_ranks_comes_first() -> None:
    offered = [option(id) for id in "abcd"]
    student = Ranking(("a", "b", "c"))
    instructor = Ranking(("c", "b"))
    # a: 1 + 4, b: 2 + 2, c: 3 + 1, d: 4 + 4
    assert ids(in_order(offered, [student, instructor])) == "bcad"


def test_equal_sums_go_to_the_score_then_to_the_earlier() -> None:
    nothing = [Ranking(()), Ranking(())]
    offered = [option("a"), option("b", 1, 0.2), option("c", 0, 0.9), option("d", -1, 0.2)]
    assert ids(in_order(offered, nothing)) == "cdba"
    # No score is lower than a score of nought.
    assert ids(in_order([option("a", -5), option("b", 5, 0.0)], nothing)) == "ba"


def test_what_either_marked_is_out() -> None:
    offered = [option(id) for id in "abc"]
    said = [Ranking(("a", "b"), frozenset("c")), Ranking(("c",), frozenset("a"))]
    assert ids(in_order(offered, said)) == "b"
    assert (
        in_order(offered, [Ranking(("a",), frozenset("bc")), Ranking(("b",), frozenset("a"))]) == []
    )


def test_a_place_left_empty_keeps_its_rank() -> None:
    assert Ranking((None, "a", None)).rank(option("a")) == 2
    assert Ranking((None, "a", None)).rank(option("b")) == UNRANKED


@given(SETS, rankings(), rankings(), st.randoms())
def test_it_does_not_matter_who_comes_first(
    offered: list[Option], one: Ranking, other: Ranking, dice: object
) -> None:
    found = in_order(offered, [one, other])
    shuffled = list(offered)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(shuffled, [other, one]) == found


@given(SETS, rankings(), rankings())
def test_every_option_but_the_impossible_in_a_true_order(
    offered: list[Option], one: Ranking, other: Ranking
) -> None:
    found = in_order(offered, [one, other])
    never = one.unavailable | other.unavailable
    assert {option.id for option in found} == {option.id for option in offered} - never

    def ranks(option: Option) -> int:
        return one.rank(option) + other.rank(option)

    for better, worse in itertools.pairwise(found):
        assert ranks(better) <= ranks(worse)
        if ranks(better) == ranks(worse):
            scores = [-1.0 if x.score is None else x.score for x in (better, worse)]
            assert scores[0] >= scores[1]
            if scores[0] == scores[1]:
                assert better.at <= worse.at


@given(SETS, rankings(), rankings())
def test_ranking_something_higher_never_makes_it_worse(
    offered: list[Option], one: Ranking, other: Ranking
) -> None:
    before = in_order(offered, [one, other])
    for option in before:
        without = [id for id in one.choices if id != option.id]
        raised = Ranking((option.id, *without)[:3], one.unavailable)
        if set(without) != set(raised.choices[1:]):
            continue  # somebody else fell out of the three
        after = in_order(offered, [raised, other])
        assert after.index(option) <= before.index(option)
