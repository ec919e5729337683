"""A real browser without a screen, driven by its own debugging protocol over the `websockets` of the console.

Debian's `chromium` is enough: neither a driver nor a package of a hundred megabytes is needed for clicks and pictures.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from cablecell.installation.system import BROWSERS
from tests.support.wait import PATIENCE, wait_until

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--no-first-run",
    # A network without a way out holds up what a browser asks of its maker.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    """Return the path of a Chromium; None where this machine has none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Page:
    """One page of the browser."""

    def __init__(self, line: ClientConnection) -> None:
        self._line, self._count = line, 0
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol; return its result."""
        self._count += 1
        self._line.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._line.recv(timeout=30.0 * PATIENCE))
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(message["params"]["exceptionDetails"].get("text", "?"))
            if message.get("id") == self._count:
                assert "error" not in message, message["error"]
                return message["result"]

    def run(self, script: str) -> Any:
        """Return what an expression of the page's own language is worth."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def go(self, url: str) -> None:
        """Open an address, and wait until it is there."""
        answer = self.ask("Page.navigate", url=url)
        assert not answer.get("errorText"), f"{url}: {answer['errorText']}"
        wait_until(lambda: self.run("document.readyState") == "complete", timeout_s=20.0, what=url)

    def size(self, width: int, height: int) -> None:
        """Make the window that large."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def text(self) -> str:
        """Return all that is written on the page."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def wait_for(self, script: str, timeout_s: float = 20.0) -> None:
        """Wait until an expression holds."""
        try:
            wait_until(
                lambda: self.run(f"(() => {{ try {{ return !!({script}) }} catch {{ return false }} }})()"),
                timeout_s=timeout_s,
                what=script,
                poll_s=0.1,
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.text()[:800]}; errors: {self.errors}") from None

    def button(self, title: str) -> str:
        """Return the expression of the button with a title."""
        return (
            f"[...document.querySelectorAll('button')].find(b => b.innerText.trim().split('\\n').includes({title!r}))"
        )

    def click(self, expression: str) -> None:
        """Click the middle of an element with the mouse, as a person does."""
        self.wait_for(f"!!({expression}) && !({expression}).disabled")
        x, y = self.middle(expression)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def middle(self, expression: str) -> tuple[float, float]:
        """Return the middle of an element, px."""
        x, y, width, height = self.run(
            f"(() => {{ const r = ({expression}).getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }})()"
        )
        return x + width / 2, y + height / 2

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Press, move or release the left button of the mouse."""
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def picture(self, path: Path, quality: int = 80) -> None:
        """Save what the window shows: a JPEG."""
        answer = self.ask("Page.captureScreenshot", format="jpeg", quality=quality)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextlib.contextmanager
def open_page(folder: Path, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """Start the browser with one empty page; it ends with the block.

    Args:
        folder: Where it may keep what it likes.
        width: Of the window, px.
        height: Of the window, px.
    """
    program = find_chromium()
    assert program is not None
    words = [program, *FLAGS, f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port_file = folder / "DevToolsActivePort"
            wait_until(
                lambda: port_file.exists() and port_file.read_text().count("\n"), timeout_s=20.0, what="chromium"
            )
            port = int(port_file.read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10.0) as answer:
                target = next(one for one in json.load(answer) if one["type"] == "page")
            with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None) as line:
                page = Page(line)
                page.size(width, height)
                yield page
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10.0)
            if process.poll() is None:
                process.kill()
