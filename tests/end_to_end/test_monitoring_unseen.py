"""A therapist listens to a real session in Chromium, and in nobody else's page does anything happen."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Final

import aiohttp
from playwright.async_api import Browser, Page

from protocol.codec import Wire, decode_server
from protocol.messages import Ack, SpeakersChanged
from protocol.turns import TalkTimeChanged
from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_flags import region

FIRST_PICTURE_S: Final = 2.0
BUSY_S: Final = 1.0
"""What a machine that does other things meanwhile may add."""
REGULAR_S: Final = 9.5
"""Each picture is refreshed every 10 s, whoever watches."""

_GOES_ON: Final = "holdspace_(frames_sent|bytes_sent|commit|media_(datagrams|packets|feedback|plis_out))"
"""What counts on by itself while two people are in a room."""

_FRAMES = """
window.frames_heard = [];
const Plain = WebSocket;
window.WebSocket = class extends Plain {
  constructor(...how) {
    super(...how);
    this.addEventListener("message", ({ data }) => window.frames_heard.push([...new Uint8Array(data)]));
  }
};
"""

_TRACES = """async () => {
  const seen = { in: {}, out: {}, lines: 0 };
  for (const connection of [holdspaceDebug.publish, holdspaceDebug.subscribe]) {
    seen.lines += connection.getTransceivers().length;
    for (const stat of (await connection.getStats()).values()) {
      if (!["inbound-rtp", "outbound-rtp"].includes(stat.type)) continue;
      const { firCount: firs = 0, nackCount: nacks = 0, pliCount: plis = 0, active = true } = stat;
      (stat.type === "inbound-rtp" ? seen.in : seen.out)[stat.ssrc] = { firs, nacks, plis, active };
    }
  }
  return seen;
}"""

# A page that listens, over a socket of its own: what the desk does, without the desk.
_LISTENER = """
async () => {
  const { ws_url, token } = await (await fetch("/api/v1/watch", {
    method: "POST", body: "{}", headers: { "content-type": "application/json" },
  })).json();
  const desk = (window.desk = { frames: [], acks: [], picture: 0, connection: null });
  const url = new URL(ws_url, location.href);
  url.protocol = "ws:";
  const socket = new WebSocket(url.href, "holdspace.json");
  const say = (message) => socket.send(JSON.stringify(message));
  desk.say = say;
  const answer = async ({ version, sdp, tracks }) => {
    desk.connection ??= new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    await desk.connection.setRemoteDescription({ type: "offer", sdp });
    await desk.connection.setLocalDescription();
    say({ type: "subscribe_answer", version, sdp: desk.connection.localDescription.sdp });
    for (const { mid, source } of tracks) {
      if (document.getElementById(`desk-${mid}`)) continue;
      const { track } = desk.connection.getTransceivers().find((each) => each.mid === mid).receiver;
      const element = document.createElement(source === "camera" ? "video" : "audio");
      Object.assign(element, { id: `desk-${mid}`, autoplay: true, muted: source === "camera" });
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
      if (source === "camera") element.requestVideoFrameCallback(() => (desk.picture ||= Date.now()));
    }
  };
  socket.onmessage = async ({ data }) => {
    const [, frame] = JSON.parse(data);
    desk.frames.push(frame);
    if (frame.type === "subscribe_offer") await answer(frame);
  };
  await new Promise((opened, failed) => Object.assign(socket, { onopen: opened, onerror: failed }));
  say({ type: "watch", token });
}
"""

_HEARD = """async () => {
  if (!desk.connection) return { pictures: 0, voices: 0 };
  const stats = [...(await desk.connection.getStats()).values()].filter(({ type }) => type === "inbound-rtp");
  return {
    pictures: stats.filter(({ framesDecoded = 0 }) => framesDecoded > 3).length,
    voices: stats.filter(({ totalAudioEnergy = 0 }) => totalAudioEnergy > 0.001).length,
  };
}"""


class Requests:
    """When each of somebody's pictures was asked for anew."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked = 0
        self.times: list[float] = [time.monotonic()]

    async def look(self) -> None:
        asked = sum(each["plis"] for each in (await self._page.evaluate(_TRACES))["out"].values())
        if asked != self._asked:
            self._asked = asked
            self.times.append(time.monotonic())

    async def quiet(self) -> None:
        """Until nobody has asked for a second."""
        while time.monotonic() - self.times[-1] < 1.0:
            await self.look()
            await asyncio.sleep(0.1)


async def frame_of(ruth: Person, kind: str) -> dict[str, Any]:
    """The first frame of that kind that the desk's socket got."""

    async def came() -> bool:
        return bool(await ruth.page.evaluate("(kind) => desk.frames.some(({ type }) => type === kind)", kind))

    await until(f"a frame {kind}", came)
    return await ruth.page.evaluate("(kind) => desk.frames.find(({ type }) => type === kind)", kind)


async def series(server: Server) -> dict[str, float]:
    """What whoever runs the server can read of it."""
    port = server.environment["HOLDSPACE__SERVER__METRICS_PORT"]
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    values = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in values}


async def test_who_is_listened_to_gets_nothing_more_nor_less_and_the_first_picture_is_there_at_once(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ruth, dana, ellie = await person(browser, "Ruth"), await person(browser, "Dana"), await person(browser, "Ellie")
    for each in (dana, ellie):
        await each.page.add_init_script(_FRAMES)
    await ruth.open(links["therapist"])
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.tile("Dana").wait_for()
    await dana.button("Flag").click()
    await dana.button("Urgent").click()
    await region(ruth, "Flags").get_by_text("Dana, mentor, flagged", exact=False).first.wait_for()
    for one, other in ((dana, "Ellie"), (ellie, "Dana")):
        who = await one.id_of(other)
        await until(f"{other} is seen", lambda one=one, who=who: _moves(one, who))

    session = links["visitor"].partition("session=")[2].partition("#")[0]
    await ruth.page.evaluate(_LISTENER)
    await frame_of(ruth, "watching")
    requests = [Requests(each.page) for each in (dana, ellie)]
    for each in requests:
        await each.quiet()
    before = [await each.page.evaluate(_TRACES) for each in (dana, ellie)]
    frames = [await each.page.evaluate("frames_heard.length") for each in (dana, ellie)]
    counted = await series(server)

    began = time.time()
    await ruth.page.evaluate("(session_id) => desk.say({ type: 'listen', id: 'l1', session_id })", session)

    async def heard() -> bool:
        for each in requests:
            await each.look()
        return await ruth.page.evaluate(_HEARD) == {"pictures": 2, "voices": 2}

    await until("both are seen and heard", heard)
    took = await ruth.page.evaluate("desk.picture") / 1_000 - began
    shown = (await frame_of(ruth, "monitored"))["room"]
    assert {each["name"] for each in shown["participants"]} == {"Dana", "Ellie"}
    await ruth.page.evaluate("desk.say({ type: 'stop_listening', id: 's1' })")
    assert (await frame_of(ruth, "monitoring_over"))["why"] == "stopped"
    await asyncio.sleep(0.3)
    assert took < FIRST_PICTURE_S + BUSY_S

    # Nobody was asked for a picture but as each is regularly.
    for each in requests:
        await each.look()
        asked = [at - last for last, at in zip(each.times, each.times[1:], strict=False) if at > each.times[0] + 1.0]
        assert all(apart > REGULAR_S for apart in asked[1:]), asked
    after = [await each.page.evaluate(_TRACES) for each in (dana, ellie)]
    for one, other in zip(before, after, strict=True):
        for streams in (*one.values(), *other.values()):
            if isinstance(streams, dict):
                for stream in streams.values():
                    stream.pop("plis")
        assert one == other
    for each, since in zip((dana, ellie), frames, strict=True):
        came = await each.page.evaluate("(since) => frames_heard.slice(since)", since)
        kinds = {type(decode_server(bytes(frame), Wire.MSGPACK)[1]) for frame in came}
        assert kinds <= {SpeakersChanged, TalkTimeChanged, Ack}, each.name
    now = await series(server)
    assert now.keys() == counted.keys()
    changed = {name for name, value in now.items() if value != counted[name]}
    assert {name for name in changed if not re.match(_GOES_ON, name)} == set()
    assert session not in server.log()


async def _moves(one: Person, who: str) -> bool:
    return await one.inbound(who, "camera", "frames") > 3
