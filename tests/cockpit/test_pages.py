"""Every page with a store that is empty and one that holds a little: it loads, breaks no rule, and can be used by all."""

import pytest
from browser import new_cockpit
from playwright.async_api import Browser, expect

from support.processes import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("", "Nothing is deployed yet"),
        ("#/tasks", "No task waits for a person"),
        ("#/deployments", "Nothing is deployed yet"),
        ("#/process-instance/none", "It may have been removed"),
        ("#/process-definition/none", "It may have been removed"),
        ("#/nowhere", "There is no such page"),
    ],
)
async def test_an_empty_store(browser: Browser, empty: Server, fragment: str, text: str) -> None:
    context, cockpit = await new_cockpit(browser, empty.url)
    await cockpit.open(fragment)
    await expect(cockpit.page.get_by_text(text).first).to_be_visible()
    assert await cockpit.axe() == []
    await context.close()
    assert cockpit.wrong == []


def _places(server: Server) -> dict[str, tuple[str, str]]:
    """Page → its address, and a text that is there when it has loaded."""
    definition = server.get("/process-definition", key="order")[0]["id"]
    failed = server.get("/incident", incidentType="failedExternalTask")[0]["processInstanceId"]
    waiting = server.get("/process-instance", businessKey="request-0")[0]["id"]
    bare = server.get("/process-instance", businessKey="bare-0")[0]["id"]
    task = server.get("/task", processInstanceId=waiting)[0]["id"]
    deployment = server.get("/deployment", name="order")[0]["id"]
    return {
        "processes": ("", "Newest incidents"),
        "definition": (f"#/process-definition/{definition}", "order-5"),
        "incidents": (f"#/process-instance/{failed}", "The bank does not answer"),
        "variables": (f"#/process-instance/{failed}?tab=variables", "slowpost"),
        "waits": (f"#/process-instance/{failed}?tab=waiting", "reserve-stock"),
        "steps": (f"#/process-instance/{failed}?tab=history", "Order received"),
        "called": (f"#/process-instance/{failed}?tab=called", "has called no other"),
        "without a diagram": (f"#/process-instance/{bare}", "This model cannot be drawn"),
        "task": (f"#/tasks?task={task}", "Complete"),
        "deployment": (f"#/deployments?id={deployment}", "order.bpmn"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_place(browser: Browser, small: Server, scheme: str) -> None:
    """In both themes, because contrast differs."""
    context, cockpit = await new_cockpit(browser, small.url, color_scheme=scheme)
    found = {}
    for name, (fragment, text) in _places(small).items():
        await cockpit.open(fragment)
        await expect(cockpit.page.get_by_text(text).first).to_be_visible()
        if "instance" in fragment or "definition" in fragment:
            await expect(cockpit.page.locator('.diagram[data-drawn="yes"], .diagram .empty')).to_be_visible()
        found[name] = await cockpit.axe()
    await context.close()
    assert {name: findings for name, findings in found.items() if findings} == {}
    assert cockpit.wrong == []


async def test_a_narrow_screen_is_not_scrolled_sideways(browser: Browser, small: Server) -> None:
    context, cockpit = await new_cockpit(browser, small.url)
    await cockpit.page.set_viewport_size({"width": 390, "height": 800})
    for name, (fragment, text) in _places(small).items():
        await cockpit.open(fragment)
        await expect(cockpit.page.get_by_text(text).first).to_be_visible()
        assert await cockpit.page.evaluate("document.documentElement.scrollWidth") <= 390, name
    await context.close()


async def test_the_keyboard_reaches_content_and_tabs(browser: Browser, small: Server) -> None:
    context, cockpit = await new_cockpit(browser, small.url)
    await cockpit.open(_places(small)["variables"][0])
    page = cockpit.page
    await page.get_by_role("tab", name="Variables").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Incidents")).to_be_focused()
    await expect(page.get_by_role("tab", name="Incidents")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Variables")).to_be_focused()
    await context.close()


async def test_the_mark_of_bpmn_io_tells_of_it(browser: Browser, small: Server) -> None:
    """Its licence: the mark is visible and leads to its site."""
    context, cockpit = await new_cockpit(browser, small.url)
    await cockpit.open(_places(small)["definition"][0])
    await cockpit.drawn()
    await cockpit.page.locator(".bjs-powered-by").click()
    await expect(cockpit.page.get_by_text("Web-based tooling for BPMN")).to_be_visible()
    await context.close()
    assert cockpit.wrong == []


async def test_a_link_followed_by_keyboard_leads_to_the_top_of_a_page_with_its_name(
    browser: Browser, small: Server
) -> None:
    context, cockpit = await new_cockpit(browser, small.url)
    await cockpit.open()
    page = cockpit.page
    await expect(page).to_have_title("Processes · Penstock")
    await page.get_by_role("link", name="Approval").focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Approval · Penstock")
    await expect(page.locator("main")).to_be_focused()
    await context.close()
