"""Every knob of the hub, read from the environment once, at start.

Nothing here opens a connection or a file. Invariant: each setting has one name, one
default and one unit, and ``Settings()`` fails with a message that names the variable.
"""

from __future__ import annotations

import re
import socket
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

#: An origin as a browser writes it (RFC 6454 section 6.2).
_ORIGIN = re.compile(
    r"(?!https://[^/]*:443$|http://[^/]*:80$)"
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)

#: The zone of a school that nobody gave one. A guess at its place would be silently wrong anywhere
#: else; this one is plainly nobody's, and every answer names it.
NOBODYS = "UTC"


def known_zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError for one that the tz database does not have."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # OSError: a folder of the database, such as "America".
        raise ValueError("is no time zone such as America/Los_Angeles") from None


def _is_sealed(origin: str) -> bool:
    """Whether nobody on the way can listen: https, or this very machine."""
    parts = urlsplit(origin)
    near = ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in near)


class Settings(BaseSettings):
    """The hub's settings. Durations are seconds, sizes bytes, unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore", populate_by_name=True)

    env: Literal["dev", "prod"] = "prod"
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    node: str = Field(default_factory=lambda: socket.gethostname().split(".")[0] or "hub")
    state: Path = Path(".hub")
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: Whose clock the weekly patterns mean: a name of the tz database. None: the one kept with the
    #: database (``hub.db.school``), and a house that is open has it here.
    timezone: str | None = None

    # The document's variables, or one URL that wins over them.
    database_url: SecretStr | None = Field(
        None, validation_alias=AliasChoices("database_url", "DATABASE_URL")
    )
    database_host: str | None = Field(
        None, validation_alias=AliasChoices("database_host", "DATABASE_HOST")
    )
    database_port: int = Field(
        5432, validation_alias=AliasChoices("database_port", "DATABASE_PORT")
    )
    database_name: str = Field(
        "flight_schedule_pro", validation_alias=AliasChoices("database_name", "DATABASE_NAME")
    )
    database_user: str | None = Field(
        None, validation_alias=AliasChoices("database_user", "DATABASE_USER")
    )
    database_password: SecretStr | None = Field(
        None, validation_alias=AliasChoices("database_password", "DATABASE_PASSWORD")
    )
    #: A DSN for the feed's own connection, where the other goes through a pooler (LISTEN cannot).
    feed_database_url: SecretStr | None = None
    pool_size: int = Field(5, ge=1, le=200)
    connect_timeout: float = Field(30.0, gt=0)
    statement_timeout: float = Field(10.0, gt=0)

    # Who issues tokens. Unset in dev: the hub is its own issuer.
    issuer: str | None = None
    jwks_url: str | None = None
    client_ids: Annotated[tuple[str, ...], NoDecode] = ()
    #: Where people sign in: the pool's domain (an origin), the app client's id there (HUB_CLIENT_IDS'
    #: first if unset) and the scopes to ask for, parted by spaces ("openid email profile" if unset).
    signin_domain: str | None = None
    signin_client_id: str | None = None
    signin_scopes: str | None = None
    #: Browser origins other than the hub's own that may open sockets and call the API.
    origins: Annotated[tuple[str, ...], NoDecode] = ()

    #: The proxies in front of the hub, as addresses or networks: what they say of whom they ask for is
    #: believed, and of nobody else.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()

    # How fast a principal, or an address of nobody known, may ask: requests a second, and at once.
    requests_per_second: float = Field(20.0, gt=0)
    requests_burst: int = Field(100, ge=1)
    #: Whether a change to a row must say which version of it it is for (RFC 6585, section 3: 428).
    require_if_match: bool = False

    # The feed.
    retention_hours: float = Field(72.0, gt=0)
    history_bytes: int = Field(32 * 1024 * 1024, ge=0)
    probe_every: float = Field(5.0, gt=0)

    # Sessions.
    hello_timeout: float = Field(10.0, gt=0)
    ping_every: float = Field(25.0, gt=0)
    pong_timeout: float = Field(8.0, gt=0)
    slow_after_bytes: int = Field(64 * 1024, ge=1024)
    slow_timeout: float = Field(15.0, gt=0)
    max_message: int = Field(16 * 1024, ge=1024)
    max_watches: int = Field(32, ge=1)
    #: Different views that the sessions of one principal may have together: each is judged and encoded apart.
    max_views_per_principal: int = Field(256, ge=1)
    max_sockets: int = Field(20_000, ge=1)
    max_sockets_per_principal: int = Field(64, ge=1)
    max_sockets_per_address: int = Field(1_000, ge=1)
    reads_per_principal: int = Field(4, ge=1)
    #: Change frames a second to a device.
    kiosk_frames_per_second: float = Field(4.0, gt=0)
    messages_per_second: float = Field(20.0, gt=0)
    drain_seconds: float = Field(10.0, ge=0)

    @field_validator("client_ids", "origins", "trusted_proxies", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("origins")
    @classmethod
    def _as_browsers_say_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        # Origins are compared as text: another spelling, or "*", would silently let nobody in.
        for origin in origins:
            if _ORIGIN.fullmatch(origin) is None:
                raise ValueError(
                    f"{origin!r} is no origin such as https://school.example: a scheme, a host in"
                    " small letters, and a port if it is not the scheme's own"
                )
        return origins

    @field_validator("signin_domain", "signin_client_id", "signin_scopes")
    @classmethod
    def _set_or_not(cls, value: str | None) -> str | None:
        # A line "HUB_SIGNIN_DOMAIN=" in an .env sets nothing.
        return (value or "").strip() or None

    @field_validator("signin_domain")
    @classmethod
    def _foreign_origin(cls, domain: str | None) -> str | None:
        # It becomes a part of the pages' policy, where anything but an origin could open more.
        if domain is None:
            return None
        domain = domain.removesuffix("/")
        if _ORIGIN.fullmatch(domain) is None or not _is_sealed(domain):
            raise ValueError(
                f"{domain!r} is no origin such as https://school.auth.us-west-2.amazoncognito.com:"
                " https (http: this machine), a host in small letters, no path"
            )
        return domain

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is no address or network such as 10.0.0.0/8") from None
        return proxies

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            known_zone(name)
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The school's clock; nobody's until it is known."""
        return ZoneInfo(self.timezone or NOBODYS)

    @property
    def has_database(self) -> bool:
        """Whether the environment names a database (else ``hub up`` embeds one)."""
        return self.database_url is not None or self.database_host is not None

    @cached_property
    def dsn(self) -> str:
        """The database's DSN. ``DATABASE_HOST=/dir`` is a socket. Raises ValueError if unset."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if self.database_host is None:
            raise ValueError("set DATABASE_URL, or DATABASE_HOST and its companions")
        who = quote(self.database_user, safe="") if self.database_user else ""
        if self.database_password is not None:
            who += ":" + quote(self.database_password.get_secret_value(), safe="")
        at = f"{who}@" if who else ""
        name = quote(self.database_name, safe="")
        if self.database_host.startswith("/"):
            where = urlencode({"host": self.database_host, "port": self.database_port})
            return f"postgresql://{at}/{name}?{where}"
        host = f"[{self.database_host}]" if ":" in self.database_host else self.database_host
        return f"postgresql://{at}{host}:{self.database_port}/{name}"

    @property
    def feed_dsn(self) -> str:
        """Where the feed listens and reads: its own DSN, or the same database directly."""
        if self.feed_database_url is not None:
            return self.feed_database_url.get_secret_value()
        return self.dsn
