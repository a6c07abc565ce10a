"""Who may change what: the write side of the access matrix.

Pure: a principal and a row in, a refusal or nothing out. Who may *see* a row is in the WHERE of
the statement that finds it, so what gets here is visible to whoever asks, and a refusal is
Forbidden, never NotFound. Invariant: a role that is not named here may do nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hub.errors import Fault, Forbidden
from hub.rules.access import Principal

#: Who flies is the school's to say.
_PEOPLE = ("student_id", "instructor_id")


def may_create_booking(who: Principal, instructor_id: str) -> None:
    """An admin or an integration any; an instructor their own. Raises Forbidden."""
    if _may_all(who):
        return
    if who.role != "INSTRUCTOR":
        raise Forbidden("Only an instructor or an admin makes bookings.")
    if instructor_id != who.id:
        raise Forbidden(
            "An instructor makes bookings only for themselves.",
            faults=[Fault("/instructor_id", "This is not you.")],
        )


def may_change_booking(who: Principal, row: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """An admin or an integration any; an instructor their own, but not whose it is.

    Raises Forbidden.
    """
    if _may_all(who):
        return
    if who.role != "INSTRUCTOR" or row["instructor_id"] != who.id:
        raise Forbidden("Only the booking's instructor or an admin changes it.")
    _unless(
        [name for name in _PEOPLE if name in given and given[name] != row[name]],
        "Only an admin changes who flies.",
    )


def may_delete_booking(who: Principal) -> None:
    """An admin only; others cancel. Raises Forbidden."""
    if who.role != "ADMIN":
        raise Forbidden("Only an admin deletes bookings; set the status CANCELLED instead.")


def may_see_users(who: Principal) -> bool:
    """Whether ``who`` sees all of everybody."""
    return who.role == "ADMIN" or "users:read" in who.scopes


def may_write_user(who: Principal, *roles: Any) -> None:
    """Whether ``who`` may write a user with these roles, before and after. Raises Forbidden.

    A key that could make an admin, or take over an admin's row, would be worth an admin.
    """
    if who.role != "ADMIN" and "ADMIN" in roles:
        raise Forbidden("An integration makes no admins and changes none.")


def may_change_role(who: Principal, row: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Nobody their own, so that there is always an admin. Raises Forbidden."""
    if row["id"] == who.id and given.get("role", row["role"]) != row["role"]:
        why = "Nobody changes their own role."
        raise Forbidden(why, faults=[Fault("/role", why)])


def may_delete_user(who: Principal, id: str) -> None:
    """Nobody themselves. Raises Forbidden."""
    if id == who.id:
        raise Forbidden("Nobody deletes themselves.")


def _may_all(who: Principal) -> bool:
    return who.role == "ADMIN" or "bookings:write" in who.scopes


def _unless(names: Collection[str], why: str) -> None:
    if names:
        raise Forbidden(why, faults=[Fault(f"/{name}", why) for name in names])
