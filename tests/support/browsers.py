"""A real browser without a window, driven by its DevTools protocol."""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from support.waiting import PATIENCE_S, patiently

PROGRAM = shutil.which("chromium")
MISSING = "There is no chromium here; on Debian: apt-get install chromium"
# The least ratio of contrast of every text to what is behind it (WCAG 2.2, 1.4.3), and its text.
CONTRAST = """
(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (e) => {
    for (let one = e; one; one = one.parentElement) {
      const c = parse(getComputedStyle(one).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  let least = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own && !["INPUT", "TEXTAREA"].includes(e.tagName)) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, e.outerHTML.slice(0, 80)];
  }
  return least;
})()
"""
_KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), " ": ("Space", 32, " ")}
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)


class Page:
    """One tab; what it asks for and complains of is kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._session: str | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.asked: list[str] = []
        """The addresses of all requests."""
        self.complaints: list[str] = []
        """What stands in its console."""
        self.status = 0
        """Of the last document."""
        self._reading = asyncio.create_task(self._read())

    async def begin(self) -> None:
        """Open the tab; scripts of pages are not run."""
        target = (await self.do("Target.createTarget", url="about:blank"))["targetId"]
        found = await self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "DOM", "Accessibility"):
            await self.do(f"{domain}.enable")
        await self.do("Emulation.setScriptExecutionDisabled", value=True)

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command."""
        id = len(self._waiting) + 1
        self._waiting[id] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": id, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send(json.dumps(message))
        async with asyncio.timeout(PATIENCE_S):
            answer = await self._waiting[id]
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def open(self, url: str) -> None:
        """Go somewhere, and wait until it is there."""
        async with self.loading():
            await self.do("Page.navigate", url=url)

    @asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """Wait for the page that a block leads to."""
        self._loaded.clear()
        yield
        async with asyncio.timeout(PATIENCE_S):
            await self._loaded.wait()

    async def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def press(self, key: str, times: int = 1) -> None:
        """Press a key and let it go."""
        code, number, text = _KEYS[key]
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        for _ in range(times):
            await self.do("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            await self.do("Input.dispatchKeyEvent", type="keyUp", **common)

    async def type(self, text: str) -> None:
        """Write into what has the focus."""
        await self.do("Input.insertText", text=text)

    async def size(self, width: int, height: int = 900) -> None:
        """Have a window of this size."""
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def picture(self, path: Path) -> None:
        """All of the page as it is seen."""
        found = await self.do("Page.captureScreenshot", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(found["data"]))

    async def named(self) -> list[tuple[str, str]]:
        """The roles and names of what can be worked with, as assistive technology knows them."""
        nodes = (await self.do("Accessibility.getFullAXTree"))["nodes"]
        worked = {"button", "textbox", "checkbox", "radio", "link"}
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored") and node.get("role", {}).get("value") in worked
        ]

    async def close(self) -> None:
        """End it."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._waiting[message["id"]].set_result(message)
            else:
                self._note(message["method"], message["params"])

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Network.responseReceived" and params["type"] == "Document":
            self.status = params["response"]["status"]
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])


@asynccontextmanager
async def browsing(directory: Path) -> AsyncIterator[Page]:
    """A tab of a browser of its own, which keeps its things in a directory."""
    assert PROGRAM is not None
    command = [PROGRAM, *_FLAGS, f"--user-data-dir={directory}", "about:blank"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        told, lines = directory / "DevToolsActivePort", list[str]()
        async for _ in patiently():
            assert process.returncode is None, "the browser has ended"
            if told.exists() and len(lines := told.read_text().splitlines()) == 2:
                break
        url = f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        async with connect(url, max_size=None, proxy=None) as socket:
            page = Page(socket)
            try:
                await page.begin()
                yield page
            finally:
                await page.close()
    finally:
        # With the processes that it has made, which are those of its session.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def picture(page: Page, path: Path, name: str) -> None:
    """Keep what a page looks like; `CRM_PICTURES=docs/images` keeps it there as well."""
    await page.picture(path / name)
    if kept := os.environ.get("CRM_PICTURES"):
        await page.picture(Path(kept) / name)
