"""500 live calls on the board: how long after its event a call's change is on the screen, and how many frames a second are drawn.

Real calls through the real gateway by SIPp, each with speech from the patient. `make bench ARGS=tests/browser`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_console import Console
from e2e_gateway import ROOT, Gateway, Settings, free_port, until
from e2e_sipp import Calls, RtpCounter, answerers, callers, needs_sipp
from playwright.async_api import Browser

CALLS = 500
LATE_MS = 250
LEAST_FRAMES = 30
WATCH = """() => {
  const seen = { frames: 0, delays: [], since: performance.now(), events: 0 };
  window.watched = seen;
  const frame = () => { seen.frames += 1; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const count = document.querySelector(".tools .count");
  const expected = [];
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/api/events", ["supervision.v1"]);
  let calls = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "snapshot") calls = message.calls.length;
    if (message.type !== "event") return;
    seen.events += 1;
    if (message.kind === "call.ringing") expected.push([(calls += 1), Date.parse(message.at)]);
    if (message.kind === "call.ended") calls -= 1;
  };
  new MutationObserver(() => {
    const now = Date.now();
    const shown = parseInt(count.textContent);
    requestAnimationFrame(() => {
      while (expected.length && expected[0][0] <= shown) seen.delays.push(Date.now() - expected.shift()[1]);
    });
  }).observe(count, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(max_calls=CALLS + 20, audit_forms=str(ROOT / "config/audit"))


@needs_sipp
@pytest.mark.bench
@pytest.mark.timeout(240)
async def test_five_hundred_calls_on_the_board(gateway: Gateway, browser: Browser, tmp_path: Path) -> None:
    wanted = Calls(numbers=tuple(str(2001 + n) for n in range(20)), calls=CALLS, rate=25, seconds=45)
    console = await Console.open(browser, gateway)
    await console.sign_in()
    async with (
        RtpCounter(free_port()) as counter,
        answerers(tmp_path / "advisors", gateway.ports.home, counter.port),
    ):
        await console.page.evaluate(WATCH)
        async with callers(tmp_path / "patients", gateway.sip_udp, wanted) as sipp:
            await until(gateway.calls, lambda calls: len(calls) == CALLS, 60, "not all calls are up")
            delays = sorted(await console.page.evaluate("watched.delays"))
            before = await console.page.evaluate("[watched.frames, watched.events, performance.now()]")
            for step in range(40):  # scroll through all of them meanwhile
                await console.page.locator(".board-scroll").evaluate(
                    "(board, top) => { board.scrollTop = top; }", step * 500
                )
                await console.page.wait_for_timeout(200)
            after = await console.page.evaluate("[watched.frames, watched.events, performance.now()]")
            await sipp.result()
    seconds = (after[2] - before[2]) / 1000
    frames, events = ((after[n] - before[n]) / seconds for n in (0, 1))
    p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
    print(
        f"\n{CALLS} calls: event to screen p50 {p50} ms, p99 {p99} ms of {len(delays)}; {frames:.0f} frames a second at {events:.0f} events a second"
    )
    assert len(delays) > CALLS * 0.9
    assert p50 < LATE_MS
    assert frames >= LEAST_FRAMES
    await console.close()
