"""axe-core, the accessibility engine, run in a page: what it finds against WCAG 2.2 A and AA.

It is MPL-licensed and only for testing, so it is not in the repository: ``.ci/run`` gets it by npm.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Page

SOURCE = Path(__file__).parents[1] / ".ci" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def axe() -> str:
    """The engine's source. Only a developer's machine may lack it."""
    if not SOURCE.exists() and not os.environ.get("CI"):
        pytest.skip("no axe-core here: npm install --prefix .ci/npm --no-save axe-core")
    return SOURCE.read_text()


async def violations(page: Page, axe: str, within: str = ":root") -> list[str]:
    """What is wrong with the page as it stands, a line each; and a scroll to the side is wrong, too."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    found = await page.evaluate(
        """async ([tags, within]) => {
          const { violations } = await axe.run(within, { runOnly: { type: "tag", values: tags } });
          return violations.flatMap(({ id, help, nodes }) => nodes.map((node) =>
            `${id} (${help}): ${node.target.join(" ")} ${node.any.map((one) => one.message).join("; ")}`));
        }""",
        [_TAGS, within],
    )
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [str(one) for one in found] + ([f"{wide} px too wide"] if wide > 0 else [])
