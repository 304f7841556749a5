from __future__ import annotations

from pathlib import Path

from protocol.ids import RequestId
from protocol.messages import CloseMicrophone, ParticipantLeft, PresenceChanged
from tests.bad_days.running import place
from tests.fakes import FakeClock


async def test_after_a_minute_without_the_server_every_place_is_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    async with place(tmp_path) as there:
        ellie, marcus, dana = there.people
        async with there.node(clock):
            for person in there.people:
                await person.sign_in()
            before = [await person.come_in() for person in there.people]
            await dana.request(CloseMicrophone(RequestId("close"), before[1].you))
            await ellie.write("before")
        clock.advance(60)

        async with there.node(clock):
            ellies = await ellie.come_in()
            # The others are not here yet, and nobody has taken them out.
            assert {each.id: each.connected for each in ellies.participants} == {
                before[0].you: True,
                before[1].you: False,
                before[2].you: False,
            }
            clock.advance(55)
            await ellie.write("afterwards")
            marcuss = await marcus.come_in()
            danas = await dana.come_in()
            assert [each.you for each in (ellies, marcuss, danas)] == [each.you for each in before]
            assert [message.text for message in danas.chat] == ["before", "afterwards"]
            assert [each.microphone_closed for each in danas.participants] == [False, True, False]
            await ellie.until(lambda: PresenceChanged(before[2].you, connected=True) in ellie.got(PresenceChanged))
            assert ellie.got(ParticipantLeft) == []


async def test_who_does_not_come_back_is_missed_after_the_grace_and_may_come_later(tmp_path: Path) -> None:
    clock = FakeClock()
    async with place(tmp_path) as there:
        there.away_grace_s = 1.0
        ellie, marcus, dana = there.people
        async with there.node(clock):
            for person in (dana, ellie, marcus):
                await person.sign_in()
            await dana.come_in()
            before = [await person.come_in() for person in (ellie, marcus)]
        async with there.node(clock):
            await dana.come_in()
            await ellie.come_in()
            clock.advance(2)
            await ellie.until(lambda: bool(ellie.got(ParticipantLeft)))
            assert (await marcus.come_in()).you == before[1].you
