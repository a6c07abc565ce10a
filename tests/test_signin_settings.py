"""What the hub must be told of the provider, and what it makes of that: the page's words and its policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError
from running import Hub

from hub.errors import Misconfigured
from hub.settings import Settings
from hub.web.pages import STATIC, Shelf
from hub.web.signin import SignIn, sign_in

DOMAIN = "https://school.auth.us-west-2.amazoncognito.com"
PROD: dict[str, Any] = {
    "issuer": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_a",
    "client_ids": ("one", "two"),
}


def _found(**given: Any) -> SignIn | None:
    return sign_in(Settings(**given))


def test_the_rest_follows_from_the_domain() -> None:
    assert _found() is None
    assert _found(**PROD) is None
    assert _found(**PROD, signin_domain="") is None
    assert _found(**PROD, signin_domain=DOMAIN + "/") == SignIn(
        DOMAIN, "one", "openid email profile"
    )
    told = {"signin_domain": DOMAIN, "signin_client_id": "two", "signin_scopes": "openid"}
    assert _found(**PROD, **told) == SignIn(DOMAIN, "two", "openid")
    assert _found(**PROD, signin_domain="http://localhost:9229") is not None


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        (PROD | {"signin_client_id": "one"}, "HUB_SIGNIN_CLIENT_ID"),
        (PROD | {"signin_scopes": "openid"}, "HUB_SIGNIN_SCOPES"),
        ({"signin_domain": DOMAIN}, "HUB_ISSUER"),
        ({"signin_domain": DOMAIN, "env": "dev"}, "HUB_ISSUER"),
        (PROD | {"signin_domain": DOMAIN, "client_ids": ()}, "HUB_CLIENT_IDS"),
        (PROD | {"signin_domain": DOMAIN, "signin_client_id": "three"}, "HUB_SIGNIN_CLIENT_ID"),
    ],
)
def test_a_half_made_configuration_names_the_variable(given: dict[str, Any], variable: str) -> None:
    with pytest.raises(Misconfigured, match=variable):
        _found(**given)


@pytest.mark.parametrize(
    "domain",
    [
        "school.auth.us-west-2.amazoncognito.com",
        "http://school.example",
        "http://localhost.school.example",
        "https://school.example/login",
        "https://school.example; script-src *",
        "https://School.example",
        "https://*.example",
        "wss://school.example",
    ],
)
def test_a_domain_is_an_origin_that_nobody_can_listen_to(domain: str) -> None:
    with pytest.raises(ValidationError, match="signin_domain"):
        Settings(signin_domain=domain)


async def test_the_policy_lets_scripts_reach_the_provider_and_nothing_else(
    start_hub: Callable[..., Awaitable[Hub]], seeded_dsn: str
) -> None:
    hub = await start_hub(seeded_dsn, env="prod", **PROD, signin_domain=DOMAIN)
    plain = await start_hub(seeded_dsn)

    async def policy(url: str) -> dict[str, str]:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            told = answer.headers["Content-Security-Policy"]
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        return {part.split()[0]: part for part in told.split("; ")}

    strict, opened = await policy(plain.url), await policy(hub.url)
    there = f"connect-src 'self' {DOMAIN}/oauth2/token {DOMAIN}/oauth2/revoke"
    assert opened == strict | {"connect-src": there}
    # Only the page that people sign in at.
    assert (await policy(f"{hub.url}/api/v1/docs"))["connect-src"] == "connect-src 'self'"


def test_the_page_is_told_and_no_word_can_leave_its_attribute() -> None:
    told = SignIn(DOMAIN, 'a"><script>', "openid")
    page = Shelf.of(STATIC, development_sign_in=False, provider=told).files["index.html"]
    assert f'data-domain="{DOMAIN}"' in page.plain.decode()
    assert 'data-client="a&quot;&gt;&lt;script&gt;" data-scopes="openid"' in page.plain.decode()
