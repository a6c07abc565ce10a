"""What may be asked of users: a new one, and a change of one. Shapes only, as in ``drafts``."""

from __future__ import annotations

from hub.model import Role, TrainingLevel
from hub.schedule.drafts import Draft, Patch, if_given
from hub.schedule.fields import Email, Name, Phone, Subject


class UserDraft(Draft):
    """A user to be made. ``cognito_user_id`` is the ``sub`` of their tokens."""

    cognito_user_id: Subject
    email: Email
    first_name: Name
    last_name: Name
    phone_number: Phone | None = None
    role: Role
    training_level: TrainingLevel | None = None


class UserPatch(Patch):
    """A merge patch (RFC 7396) of a user: what is given replaces; null clears where it may."""

    cognito_user_id: Subject = if_given()
    email: Email = if_given()
    first_name: Name = if_given()
    last_name: Name = if_given()
    phone_number: Phone | None = None
    role: Role = if_given()
    training_level: TrainingLevel | None = None
