from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browsers import PATIENCE_MS


class Visit:
    """A page that is open, and what it said and asked for."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_MS)
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.resolve().as_uri(), timeout=PATIENCE_MS)
        self.wait("document.documentElement.dataset.ready === 'yes'")
        self.show("all")

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def wait(self, condition: str) -> None:
        """Wait until something holds; the page itself forbids the usual way, which is eval."""
        for _ in range(PATIENCE_MS // 100):
            if self.run(condition):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"never: {condition}")

    def show(self, tab: str) -> None:
        """Choose a tab, the name of a section or "all"."""
        self.run("(tab) => hmesh.tabs.show(tab)", tab)

    def set_clock(self, hours: float) -> None:
        self.run("(hours) => hmesh.clock.set(hours)", hours)

    def check(self, path: Path) -> None:
        """Nothing went wrong, and nothing but the file itself was asked for."""
        assert self.said == []
        assert self.asked == [path.resolve().as_uri()]
        wide = self.run("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1]


def opened(browser: Browser, path: Path) -> Visit:
    size: Any = {"width": 1280, "height": 900}
    context = browser.new_context(viewport=size, color_scheme="light", offline=True)
    return Visit(context.new_page(), path)
