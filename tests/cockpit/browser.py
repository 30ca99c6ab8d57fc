"""Debian's Chromium for tests, and a page that tells of everything that should not happen on it."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

CHROMIUM = Path("/usr/bin/chromium")
# Without these it asks for hosts of its maker at every start.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "cockpit" / "node_modules" / "axe-core" / "axe.min.js"

_REPORTS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.effectiveDirective} refuses ${event.blockedURI} ${event.sample}`));"""
_FINDINGS = """async () => (await axe.run()).violations
  .filter((found) => ["serious", "critical"].includes(found.impact))
  .map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(" ")).join(", ")}`)"""


def required() -> None:
    """Where there is no browser tests are skipped, in CI they fail."""
    if not CHROMIUM.exists():
        missing = f"NOTHING OF THE COCKPIT IS TESTED IN A BROWSER: no {CHROMIUM}; apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


async def launch(playwright: Playwright) -> Browser:
    """The browser, with a profile of its own."""
    return await playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS], headless=True)


class Cockpit:
    """One page of a server's cockpit. `wrong`: errors on the console, exceptions, reports of the content policy."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.wrong: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        # Of an answer that refuses the browser writes itself; what the page makes of it is what tests look at.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.wrong.append(message.text)

    async def open(self, fragment: str = "") -> None:
        """Opens a place of the cockpit as if its address had been typed."""
        await self.page.goto("about:blank")
        await self.page.goto(f"{self.url}/{fragment}")

    async def drawn(self) -> None:
        """Waits for the diagram; the mark of bpmn.io must be on it."""
        await self.page.locator('.diagram[data-drawn="yes"]').wait_for()
        assert await self.page.locator(".bjs-powered-by").is_visible()

    async def axe(self) -> list[str]:
        """What is seriously wrong for people who use aids."""
        assert AXE.exists(), f"there is no {AXE}: `make test` installs it"
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = await self.page.evaluate(_FINDINGS)
        return found


async def new_cockpit(browser: Browser, url: str, **options: Any) -> tuple[BrowserContext, Cockpit]:
    """A context of its own with one page in it."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", **options)
    context.set_default_timeout(20_000)
    await context.add_init_script(_REPORTS)
    return context, Cockpit(await context.new_page(), url)
