"""What PostgreSQL and the network complain of, in the hub's words: the one place that maps them.

Nothing is decided about the schedule: a double booking is ``Conflict(code="overlap")`` and no
more. Invariants: a translated error never holds a password, a row's content or SQL text; what is
not the input's, the schedule's or the network's doing is left alone, so that a bug looks like one.
"""

from __future__ import annotations

import asyncio

import asyncpg
from asyncpg.exceptions import InterfaceError

from hub.errors import Conflict, Fault, HubError, Invalid, Misconfigured, Unavailable

#: Where a constraint's name does not say which field it judges.
_POINTERS = {
    "bookings_two_people_check": "/instructor_id",
    "availability_overrides_both_times_check": "/end_time",
    "availability_overrides_unique": "/override_date",
    "idx_availability_overrides_span": "/override_date",
    "availability_patterns_unique": "/day_of_week",
    "preference_rankings_ranked_check": "/option1_id",
    "preference_rankings_unique": "/booking_id",
}
_SENTENCES = {
    "bookings_two_people_check": "The student and the instructor are the same person.",
    "preference_rankings_ranked_check": "At least one option must be ranked.",
    "availability_overrides_both_times_check": "Give both times, or neither for the whole day.",
}
_SUFFIXES = ("_check", "_fkey", "_key")

#: The server cannot serve just now: class 08 (connection), 53 (resources) and these.
_PASSING = {
    "25P02",  # the transaction was aborted by an error that was already told
    "25006",  # read only: a standby, or a primary stepping down
    "25P03",  # idle in transaction for too long
    "57014",  # cancelled, as by statement_timeout
    "57P01",  # shut down by an administrator
    "57P02",  # crash of another backend
    "57P03",  # starting up
    "57P05",  # idle session timeout
    "55P03",  # lock not available
}
_CONTENDED = {"40001", "40P01"}  # serialization failure, deadlock: the same again will do


def pointer(constraint: str | None, table: str | None) -> str:
    """The JSON Pointer of the field a constraint judges; ``""``, the whole input, if unknown."""
    if not constraint:
        return ""
    if constraint in _POINTERS:
        return _POINTERS[constraint]
    for suffix in _SUFFIXES:
        if table and constraint.startswith(f"{table}_") and constraint.endswith(suffix):
            return "/" + constraint[len(table) + 1 : -len(suffix)]
    return ""


def translate(error: BaseException, *, committing: bool = False) -> HubError | None:
    """The hub's error for ``error``, or None if it is nobody's fault but ours.

    ``committing`` says that the answer to a COMMIT was being awaited: if the connection is lost
    then, nobody knows whether the write took place.
    """
    if isinstance(error, asyncpg.PostgresError):
        told = _from_server(error)
        if told is not None:
            return told
    if not _is_network(error):
        return None
    if committing:
        return Unavailable(
            "The database was lost while it was confirming the change; look whether it took place.",
            code="unknown-outcome",
        )
    return Unavailable("The database cannot be reached just now.")


def _from_server(error: asyncpg.PostgresError) -> HubError | None:
    state = error.sqlstate or ""
    constraint = error.constraint_name
    where = pointer(constraint, error.table_name)
    match state:
        case "23P01":
            return Conflict("Another booking holds that time.", code="overlap")
        case "23505":
            return Conflict(
                "There is already one like it.",
                faults=(Fault(where, "This is already taken."),),
                code="duplicate",
            )
        case "23001":
            return Conflict(
                "The audit log is immutable, and whoever it names cannot be deleted.",
                code="immutable",
            )
        case "23503":
            return _invalid(where, "This names nothing that exists.")
        case "23514":
            return _invalid(where, _SENTENCES.get(constraint or "", "This value is not allowed."))
        case "23502":
            return _invalid(f"/{error.column_name}" if error.column_name else "", "This is needed.")
        case "22001":
            return _invalid("", "A text is too long.")
    if state in _CONTENDED:
        return Unavailable(
            "Another change came in between; try again.", retry_after=0.1, code="contended"
        )
    if state in _PASSING or state[:2] in ("08", "53"):
        return Unavailable("The database cannot answer just now.")
    if state[:2] == "22":
        return _invalid("", "A value is outside what the database can hold.")
    return None


def _invalid(where: str, sentence: str) -> Invalid:
    return Invalid(sentence, faults=(Fault(where, sentence),))


def _is_network(error: BaseException) -> bool:
    # asyncpg tells a connection that died under it as InterfaceError, and misuse of its API too;
    # only the text tells them apart.
    if isinstance(error, InterfaceError):
        return "closed" in str(error) or "terminated" in str(error)
    return isinstance(error, (OSError, asyncio.TimeoutError, EOFError))


def connecting(error: BaseException, where: str) -> HubError | None:
    """The hub's error for a failed attempt to connect to ``where``; None as in ``translate``.

    Waiting helps against an unreachable or busy server (Unavailable); nothing but another
    setting helps against a wrong name or password (Misconfigured).
    """
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return Misconfigured(f"The database at {where} refuses this user or password.")
        case asyncpg.InvalidCatalogNameError():
            return Misconfigured(f"There is no such database: {where}.")
        case asyncpg.InsufficientPrivilegeError():
            return Misconfigured(f"This user may not connect to the database at {where}.")
        case asyncpg.TooManyConnectionsError():
            return Unavailable(f"The database at {where} has no connection to spare.")
        case asyncpg.CannotConnectNowError():
            return Unavailable(f"The database at {where} is starting up or shutting down.")
        case asyncpg.ClientConfigurationError() | ValueError():
            return Misconfigured("The database URL cannot be read.")
    if isinstance(error, asyncio.TimeoutError):
        return Unavailable(f"The database at {where} does not answer.")
    if isinstance(error, (OSError, asyncpg.PostgresConnectionError)):
        return Unavailable(f"The database at {where} cannot be reached.")
    return translate(error)
