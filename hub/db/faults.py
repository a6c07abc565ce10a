"""What PostgreSQL and the network complain of, in the hub's words: the one place that maps them.

Nothing is decided about the schedule: a double booking is ``Conflict(code="overlap")`` and no
more. Invariants: a translated error never holds a password, a row's content or SQL text; what is
not the input's, the schedule's or the network's doing is left alone, so that a bug looks like one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg
from asyncpg.exceptions import InterfaceError, InternalClientError

from hub.errors import Conflict, Fault, HubError, Invalid, Misconfigured, Unavailable

#: Where a constraint's name does not say which field it judges.
_POINTERS = {
    "reschedule_options_weather_forecast_readable_check": "/weather_forecast",
    "bookings_two_people_check": "/instructor_id",
    "availability_overrides_both_times_check": "/end_time",
    "availability_overrides_unique": "/override_date",
    "idx_availability_overrides_span": "/override_date",
    "availability_patterns_unique": "/day_of_week",
    "preference_rankings_ranked_check": "/option1_id",
    "preference_rankings_unique": "/booking_id",
}
_SENTENCES = {
    "reschedule_options_weather_forecast_readable_check": "No JSON reader could read this.",
    "bookings_two_people_check": "The student and the instructor are the same person.",
    "preference_rankings_ranked_check": "At least one option must be ranked.",
    "availability_overrides_both_times_check": "Give both times, or neither for the whole day.",
}
_SUFFIXES = ("_check", "_fkey", "_key")

#: The connection is gone with whatever it was doing.
_LOST = ("08", "57P01", "57P02", "57P03")
#: The server cannot serve just now: those, resources (53), a changed password or name (28, 3D).
_PASSING = (
    *_LOST,
    "53",
    "28",
    "3D",
    "25P02",  # the transaction was aborted by an error that was already told
    "25006",  # read only: a standby, or a primary stepping down
    "25P03",  # idle in transaction for too long
    "57014",  # cancelled, as by statement_timeout
    "57P05",  # idle session timeout
)
_CONTENDED = {"40001", "40P01"}  # serialization failure, deadlock: the same again will do


def pointer(constraint: str | None, table: str | None) -> str:
    """The JSON Pointer of the field a constraint judges; ``""``, the whole input, if unknown."""
    if not constraint:
        return ""
    if constraint in _POINTERS:
        return _POINTERS[constraint]
    if constraint == f"{table}_pkey":
        return "/id"
    for suffix in _SUFFIXES:
        if table and constraint.startswith(f"{table}_") and constraint.endswith(suffix):
            return "/" + constraint[len(table) + 1 : -len(suffix)]
    return ""


@dataclass(slots=True)
class Phase:
    """How far a transaction has come: ``committing`` once the answer to COMMIT is awaited."""

    committing: bool = False


@contextmanager
def translated(phase: Phase | None = None) -> Iterator[None]:
    """Around code that does nothing but use the database: its errors leave as ``hub.errors``.

    An error of our own making passes through as it is.
    """
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        told = translate(error, committing=phase is not None and phase.committing)
        if told is None:
            raise
        raise told from error


def translate(error: Exception, *, committing: bool = False) -> HubError | None:
    """The hub's error for ``error``, or None if it is nobody's fault but ours.

    ``committing``: if the connection is lost then, nobody knows whether the write took place.
    """
    if committing and _is_lost(error):
        return Unavailable(
            "The database was lost while it was confirming the change; look whether it took place.",
            code="unknown-outcome",
        )
    if isinstance(error, asyncpg.PostgresError):
        return _from_server(error)
    if _is_lost(error):
        return Unavailable("The database cannot be reached just now.")
    return None


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
        case "55P03":
            return Unavailable("Another change holds this; try again in a moment.")
        case "22001":
            return _invalid("", "A text is too long.")
    if state in _CONTENDED:
        return Unavailable(
            "Another change came in between; try again.", retry_after=0.1, code="contended"
        )
    if state.startswith(_PASSING):
        return Unavailable("The database cannot answer just now.")
    # asyncpg tells what it could not encode as class 22 too; a wrong type is our doing.
    if state.startswith("22") and not isinstance(error.__cause__, TypeError):
        return _invalid("", "A value is outside what the database can hold.")
    return None


def _invalid(where: str, sentence: str) -> Invalid:
    return Invalid(sentence, faults=(Fault(where, sentence),))


def _is_lost(error: Exception) -> bool:
    """Whether the connection is gone, or never came to be, or has not answered in time."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_LOST)
    # asyncpg tells a connection that died as InterfaceError, and misuse of its API too; only the
    # text tells them apart.
    if isinstance(error, InternalClientError):
        # The server's farewell has come, the socket is not yet seen closed: asyncpg will not begin.
        return "cannot switch to state" in str(error)
    if isinstance(error, InterfaceError):
        return "is closed" in str(error) or "is closing" in str(error)
    return isinstance(error, (OSError, EOFError))  # TimeoutError is an OSError


def connecting(error: Exception, where: str) -> HubError | None:
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
        case TimeoutError():
            return Unavailable(f"The database at {where} does not answer.")
        case OSError() | asyncpg.PostgresConnectionError():
            why = (str(error).splitlines() or [type(error).__name__])[0][:200]
            return Unavailable(f"The database at {where} cannot be reached: {why}.")
    return translate(error)
