"""A real browser without a screen, driven by its own debugging protocol over the `websockets` of the console.

Debian's `chromium` is enough: neither a driver nor a package of a hundred megabytes is needed for clicks and pictures.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
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
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


_STANDS_STILL = """async (element) => {
  await document.fonts.ready;
  const place = () => JSON.stringify(element.getBoundingClientRect());
  const before = place();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const {x, y, width, height} = element.getBoundingClientRect();
  return before === place() && element.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}"""
"""Whether an element stays where it is, in front of all others: what still moves is missed by a click."""


_HIT = """element => {
  window.wasHit = false;
  element.addEventListener('click', () => { window.wasHit = true }, {capture: true, once: true});
}"""
"""Note that a click has come to an element; a page that is left by the click forgets it."""

_CLICKS = 4
"""How often a click that came to nothing, because the page moved under it, is done again."""


_ANSWER_S = 3.0
"""Time after which a page is asked again whether something holds, s."""


def find_chromium() -> str | None:
    """Return the path of a Chromium; None where this machine has none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Page:
    """One page of the browser.

    Attributes:
        pid: Leader of the browser's process group.
        errors: What the page's own scripts failed at.
    """

    def __init__(self, line: ClientConnection, pid: int) -> None:
        self._line, self._count, self.pid = line, 0, pid
        self.errors: list[str] = []
        for domain in ("Page", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, limit_s: float = 30.0 * PATIENCE, /, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol; return its result.

        Raises:
            TimeoutError: There is none within a time.
        """
        self._count += 1
        self._line.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        end_s = time.monotonic() + limit_s
        while True:
            message = json.loads(self._line.recv(timeout=max(0.0, end_s - time.monotonic())))
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(message["params"]["exceptionDetails"].get("text", "?"))
            if message.get("id") == self._count:
                assert "error" not in message, message["error"]
                return message["result"]

    def run(self, script: str, limit_s: float = 30.0 * PATIENCE) -> Any:
        """Return what an expression of the page's own language is worth.

        Raises:
            TimeoutError: There is no answer within a time.
        """
        answer = self.ask("Runtime.evaluate", limit_s, expression=script, awaitPromise=True, returnByValue=True)
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
                lambda: self._holds(script),
                timeout_s=timeout_s,
                what=script,
                poll_s=0.1,
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.text()[:800]}; errors: {self.errors}") from None

    def _holds(self, script: str) -> bool:
        try:
            return bool(
                self.run(
                    f"(async () => {{ try {{ return !!(await ({script})) }} catch {{ return false }} }})()", _ANSWER_S
                )
            )
        except TimeoutError:
            return False  # a page that is left while it thinks may take the answer with it
        except AssertionError as error:
            if "navigated" in str(error) or "context was destroyed" in str(error):
                return False  # the page was left while it thought
            raise

    def button(self, title: str) -> str:
        """Return the expression of the button with a title."""
        return (
            f"[...document.querySelectorAll('button')].find(b => b.innerText.trim().split('\\n').includes({title!r}))"
        )

    def click(self, expression: str, timeout_s: float = 20.0) -> None:
        """Click the middle of an element with the mouse as a person does: once it stands still, until it is hit."""
        for attempt in range(_CLICKS):
            self.wait_for(f"!!({expression}) && !({expression}).disabled", timeout_s)
            self.wait_for(f"({_STANDS_STILL})(({expression}))", timeout_s)
            x, y = self.middle(expression)
            self.run(f"({_HIT})({expression})")
            self.mouse("mousePressed", x, y)
            self.mouse("mouseReleased", x, y)
            try:
                self.wait_for("window.wasHit !== false", _ANSWER_S / PATIENCE)
                return
            except AssertionError:
                if attempt + 1 == _CLICKS:
                    raise

    def middle(self, expression: str) -> tuple[float, float]:
        """Return the middle of an element, px."""
        x, y, width, height = self.run(
            f"(() => {{ const r = ({expression}).getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }})()"
        )
        return x + width / 2, y + height / 2

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Press, move or release the left button of the mouse."""
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def key(self, kind: str, key: str, code: str) -> None:
        """Press (`keyDown`) or release (`keyUp`) a key: its name and the place of the key, as browsers name them."""
        self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=code)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the browser."""
        os.killpg(self.pid, number)

    def leave_out(self, *addresses: str) -> None:
        """Load nothing from addresses, with `*` for any text, from now on."""
        self.ask("Network.enable")
        self.ask("Network.setBlockedURLs", urls=list(addresses))

    def take_downloads(self, folder: Path) -> None:
        """Save what is taken away from now on in a folder."""
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

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
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, **quiet, start_new_session=True) as process:
        try:
            port_file = folder / "DevToolsActivePort"
            wait_until(
                lambda: port_file.exists() and port_file.read_text().count("\n"), timeout_s=20.0, what="chromium"
            )
            port = int(port_file.read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10.0) as answer:
                target = next(one for one in json.load(answer) if one["type"] == "page")
            with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None, ping_interval=None) as line:
                page = Page(line, process.pid)
                page.size(width, height)
                yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
