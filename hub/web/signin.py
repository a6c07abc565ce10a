"""Where people sign in, as the page is told: the identity provider's domain and the app's client there.

Nothing is fetched here and no token is read (``hub.identity`` judges those). Invariants: a half-made
configuration stops the hub with a sentence, never leaves people at a door that cannot open; the page
may speak to two addresses of that domain, and to nothing else that is foreign.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

from hub.errors import Misconfigured
from hub.settings import Settings

_SCOPES = "openid email profile"


@dataclass(frozen=True, slots=True)
class SignIn:
    """An OAuth 2.0 authorization server with Cognito's paths, and this app as its public client.

    ``domain`` is an origin, ``scopes`` are parted by spaces.
    """

    domain: str
    client_id: str
    scopes: str

    def policy(self, strict: str) -> str:
        """A Content-Security-Policy that lets scripts reach the token and revocation endpoints, too."""
        there = f"{self.domain}/oauth2/token {self.domain}/oauth2/revoke"
        return strict.replace("connect-src 'self'", f"connect-src 'self' {there}")


def sign_in(settings: Settings) -> SignIn | None:
    """How people sign in; None where the page is not told (development, or a portal of the school's).

    Raises Misconfigured naming the variable.
    """
    if settings.signin_domain is None:
        for given, variable in (
            (settings.signin_client_id, "HUB_SIGNIN_CLIENT_ID"),
            (settings.signin_scopes, "HUB_SIGNIN_SCOPES"),
        ):
            if given is not None:
                raise Misconfigured(f"{variable} is set but HUB_SIGNIN_DOMAIN is not.")
        return None
    if not settings.issuer:
        raise Misconfigured(
            "HUB_SIGNIN_DOMAIN is set but HUB_ISSUER is not: the tokens it gives would be refused."
        )
    client_id = settings.signin_client_id or next(iter(settings.client_ids), None)
    if client_id is None:
        raise Misconfigured("HUB_SIGNIN_DOMAIN is set but HUB_CLIENT_IDS is not.")
    if client_id not in settings.client_ids:
        raise Misconfigured(
            "HUB_SIGNIN_CLIENT_ID is not among HUB_CLIENT_IDS: its tokens would be refused."
        )
    return SignIn(settings.signin_domain, client_id, settings.signin_scopes or _SCOPES)


def placeholders(found: SignIn | None) -> dict[str, str]:
    """What ``{{sign-in-…}}`` stands for in a page, fit for an attribute."""
    told = (found.domain, found.client_id, found.scopes) if found is not None else ("", "", "")
    names = ("{{sign-in-domain}}", "{{sign-in-client}}", "{{sign-in-scopes}}")
    return {name: html.escape(value) for name, value in zip(names, told, strict=True)}
