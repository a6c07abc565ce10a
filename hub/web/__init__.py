"""The pages: what a browser is given. Static files only; the page itself lives on the API.

May not: hold SQL, judge rights, or know a row. Invariant: everything served here is the same for
every visitor, so nothing served here can leak anything.
"""

from __future__ import annotations

from hub.web.pages import setup

__all__ = ["setup"]
