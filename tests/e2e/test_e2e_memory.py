"""What a call costs in memory, all of it, and that it is given back."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_figures import figure
from e2e_gateway import Gateway, Settings, free_port, until
from e2e_sipp import Calls, RtpCounter, answerers, callers, needs_sipp

CALLS = 200
HISTORY_BYTES_A_CALL = 30 * 16_000
"The bound that docs/admin.md states, for the 30 s that are kept by default."
MOST_BYTES_A_CALL = 500_000 + HISTORY_BYTES_A_CALL
MOST_LEAKED_BYTES = 4_000_000
"Between the end of the second cycle and of the third; 200 forgotten calls would be twenty times as much."


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(advisors=CALLS, max_calls=CALLS)


async def cycle(gateway: Gateway, folder: Path, counter: RtpCounter) -> int:
    """200 calls, each with RTP both ways and a SIP listener who sends and hears; returns the process's memory while all are up."""
    extensions = tuple(str(2001 + n) for n in range(CALLS))
    patients = Calls(extensions, CALLS, rate=40, seconds=26)
    listeners = Calls(
        tuple(f"*71{extension}" for extension in extensions), CALLS, rate=40, seconds=8, user="9001"
    )
    folder.mkdir()
    async with answerers(folder / "advisors", gateway.ports.home, counter.port):
        async with callers(folder / "patients", gateway.sip_udp, patients) as talking:
            await until(gateway.calls, lambda calls: len(calls) == CALLS, 60, "not all calls are up")
            async with callers(folder / "listeners", gateway.sip_udp, listeners) as listening:
                await until(gateway.calls, everyone_listened_to, 60, "not every call has its listener")
                full = gateway.rss_bytes()
                await listening.result()
            await talking.result()
    await gateway.idle()
    return full


def everyone_listened_to(calls: list[dict[str, list[object]]]) -> bool:
    return sum(len(call["supervisors"]) for call in calls) == CALLS


@needs_sipp
@pytest.mark.thorough
@pytest.mark.timeout(400)
async def test_half_a_megabyte_a_call_besides_its_history_and_none_of_it_stays(
    gateway: Gateway, tmp_path: Path
) -> None:
    before, peaks, afters = gateway.rss_bytes(), [], []
    async with RtpCounter(free_port()) as counter:
        for number in range(3):
            peaks.append(await cycle(gateway, tmp_path / str(number), counter))
            afters.append(gateway.rss_bytes())
    # The first time: later ones hold the transactions of calls just ended besides, which SIP keeps for 32 s (RFC 3261 §17).
    a_call = (peaks[0] - before) / CALLS
    figure(
        f"{CALLS} calls with RTP and a SIP listener each",
        f"{a_call / 1e6:.3f} MB a call ({before / 1e6:.0f} MB idle, {' '.join(f'{peak / 1e6:.0f}' for peak in peaks)} MB full, "
        f"{' '.join(f'{after / 1e6:.0f}' for after in afters)} MB after each of 3 cycles)",
    )
    assert a_call <= MOST_BYTES_A_CALL
    assert afters[-1] - afters[-2] <= MOST_LEAKED_BYTES
