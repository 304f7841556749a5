"""A room's state: a frozen value, rebuilt from its log by `evolve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from moderation.floor.state import Floor
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.values import Millis, Role, SessionStatus
from rooms.chat import Chat

_EACH: Final = 32
"""Bits of a closing's number below the stored event that it follows. With 2^21 events it is still exact in a page."""


class Participant(Struct, frozen=True):
    """A person's presence. Whoever was here once stays in the state, so that a place is kept.

    Attributes:
        place: order of first coming into the room, from 0; None while they never were in it.
        present: in the room or its lobby, connected or with a place kept.
        waiting: in the lobby and not in the room.
        since_ms: when they came, or last began to wait.
        sent_out: asked to wait, which took effect but is not saved yet.
        enrolled: belonged to the group when they first came; who did not had to knock.
        expected: comes in by themselves while someone leads; else a mentor has to admit them.
        removed: a mentor removed this person from the session for good.
        lost_ms: when the connection was lost; None when connected.
        away_until_ms: the connection is lost and the place is kept until then; None when connected.
        microphone: the person's microphone is on (by their own word).
        camera: the person's camera is on (by their own word).
        shut: a mentor closed the microphone.
        held: a closing took effect but is not saved yet; works like `shut`.
        closings: rises each time it is shut, held, closed by a pause, may not be heard any more, or may be heard
            again; a client must know the latest before it may open.
        listening: just listening today.
        not_alone: has hidden the group on their own device.
        needs_cover: leads, and asked someone to take over.
        screen: shares their screen; at most one person in the room does.
        screen_audio: with its sound.
        may_share: a mentor lets this participant share; who is staff needs nobody's leave.
        share_held: the end of that took effect but is not saved yet.
        companion_of: with whom this participant is here; then they take no turns of their own.
    """

    id: ParticipantId
    identity_id: IdentityId
    name: str
    role: Role
    place: int | None = None
    present: bool = True
    waiting: bool = False
    since_ms: Millis = 0
    sent_out: bool = False
    enrolled: bool = True
    expected: bool = True
    removed: bool = False
    lost_ms: Millis | None = None
    away_until_ms: Millis | None = None
    microphone: bool = False
    camera: bool = False
    shut: bool = False
    held: bool = False
    closings: int = 0
    listening: bool = False
    not_alone: bool = False
    needs_cover: bool = False
    screen: bool = False
    screen_audio: bool = False
    may_share: bool = False
    share_held: bool = False
    companion_of: ParticipantId | None = None

    @property
    def inside(self) -> bool:
        """Whether the person is in the room itself."""
        return self.present and not self.waiting

    @property
    def connected(self) -> bool:
        """Whether the person's connection stands."""
        return self.lost_ms is None

    @property
    def is_staff(self) -> bool:
        """Whether the person is here to support: a mentor, or a visible therapist."""
        return self.role is not Role.PARTICIPANT

    @property
    def leads(self) -> bool:
        """Whether the group is not alone while this person is here. Who hid the group does not see to it."""
        return self.inside and self.is_staff and self.connected and not self.needs_cover and not self.not_alone

    @property
    def microphone_closed(self) -> bool:
        """Whether the microphone may not be opened now."""
        return self.shut or self.held

    @property
    def allowed_to_share(self) -> bool:
        """Whether a mentor lets this participant share now."""
        return self.may_share and not self.share_held


class RoomState(Struct, frozen=True):
    """All that the room stream knows.

    Attributes:
        note: the mentor's words for those who wait.
        people: everyone who was ever here, in order of first arrival.
        chat: messages in the room's one order.
        responder: the therapist who is reachable while the session lasts.
        responder_waived: the clinical lead lets it begin without one.
        begun: it has been live before.
        unattended_ms: since when people wait in the lobby; None when nobody waits or the session is live.
        late: someone to lead or to answer was missing for so long that the people who wait were told.
        paused_until_ms: nobody leads the live session, and it pauses; then it returns to its lobby.
        floor: the speaking turns.
        life: which loading of the room from its log this is, rising; in no event.
        recorded: of how many stored events it is made, without those that are purged before the others.
    """

    session_id: SessionId = SessionId("")
    title: str = ""
    note: str = ""
    status: SessionStatus | None = None
    people: Mapping[ParticipantId, Participant] = MappingProxyType({})
    chat: Chat = Chat()
    responder: IdentityId | None = None
    responder_waived: bool = False
    begun: bool = False
    unattended_ms: Millis | None = None
    late: bool = False
    paused_until_ms: Millis | None = None
    floor: Floor = Floor()
    life: int = 0
    recorded: int = 0

    def next_closing(self, participant_id: ParticipantId) -> int:
        """The number of this person's next closing.

        It is none that was told in an earlier life of the room, though not all of those are in the log: a closing must
        never look like one that the client has heard of.
        """
        closings = self.people[participant_id].closings
        return max(closings + 1, (closings >> _EACH << _EACH) + (self.life << 16))

    def numbered_by_log(self, participant_id: ParticipantId) -> int:
        """The number of this person's closing by the event that was stored last.

        It is higher than all before that event, and the same whenever the log is read again: a word from before the
        event never names it, and one from after it goes on to count.
        """
        return max(self.people[participant_id].closings + 1, self.recorded << _EACH)

    def present(self) -> Iterator[Participant]:
        """Those who are in the room or wait in its lobby, in order of first arrival."""
        return (p for p in self.people.values() if p.present)

    def inside(self) -> Iterator[Participant]:
        """Those who are in the room, by place."""
        return iter(sorted((p for p in self.people.values() if p.inside), key=lambda p: p.place or 0))

    def waiting(self) -> Iterator[Participant]:
        """Those who wait in the lobby, the longest first."""
        return iter(sorted((p for p in self.people.values() if p.present and p.waiting), key=lambda p: p.since_ms))

    def leaders(self) -> Iterator[Participant]:
        """Those with whom the group is not alone."""
        return (p for p in self.people.values() if p.leads)

    def may_be_heard(self, person: Participant) -> bool:
        """Whether this person's microphone may be on: who leads always, others as turns go."""
        if person.is_staff or self.floor.lets_speak(person.id):
            return True
        return person.companion_of is not None and self.floor.lets_speak(person.companion_of)

    def in_a_round(self) -> Iterator[Participant]:
        """Who would be in a round that began now, by place."""
        return (p for p in self.inside() if self.would_be_in_round(p))

    def takes_turns(self, person: Participant) -> bool:
        """Whether this person can have turns of their own: a companion only while whom they accompany is not here."""
        if not person.inside or person.companion_of is None:
            return person.inside
        accompanied = self.people.get(person.companion_of)
        return accompanied is None or not accompanied.inside

    def would_be_in_round(self, person: Participant) -> bool:
        """Whether a round that goes on has a turn for this person."""
        return self.takes_turns(person) and not person.is_staff and not person.listening

    def sharer(self) -> Participant | None:
        """Who shares their screen."""
        return next((p for p in self.inside() if p.screen), None)

    def here(self, participant_id: ParticipantId) -> Participant | None:
        """That person, if in the room or in its lobby."""
        person = self.people.get(participant_id)
        return person if person is not None and person.present else None


EMPTY = RoomState()
