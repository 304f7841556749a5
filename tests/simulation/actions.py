"""What can happen next: one table. Each entry says how often, and does one thing to the world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol.ids import MessageId, ParticipantId
from protocol.messages import (
    Admit,
    AllowMicrophone,
    AllowScreen,
    AskForCover,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    HideChat,
    Join,
    Leave,
    MoveToLobby,
    PostChat,
    React,
    Remove,
    Resume,
    SetDevices,
    SetListening,
    SetNotAlone,
    ShareScreen,
    ShowChat,
    StopSharing,
    WithdrawCover,
)
from protocol.values import Reaction, Role
from tests.simulation.client import Client
from tests.simulation.turns import mentors_request, mode_request, own_request

if TYPE_CHECKING:
    from tests.simulation.randomness import Odds
    from tests.simulation.world import World


@dataclass(frozen=True)
class Action:
    """`often` is its weight under a seed's odds; `does` returns something to wait for, or None."""

    name: str
    often: Callable[[Odds], float]
    does: Callable[[World], Awaitable[None] | None]


async def next_action(world: World) -> None:
    """Lets one thing happen."""
    weights = [action.often(world.odds) for action in ACTIONS]
    [action] = world.chance.choices(ACTIONS, weights)
    world.tell(f"== {action.name}")
    waiting = action.does(world)
    if waiting is not None:
        await waiting


# ── people ───────────────────────────────────────────────────────────────────────────────────


def _someone(world: World, *roles: Role) -> Client | None:
    """Somebody whose page shows the room, mostly of those roles; they may be cut off without knowing it."""
    inside = [client for client in world.clients if client.wants_in and client.me is not None]
    fitting = [client for client in inside if client.who.role in roles] if roles else inside
    # Now and then somebody tries what is not theirs to do.
    among = fitting if fitting and world.chance.random() < 0.95 else inside
    return world.chance.choice(among) if among else None


def _message(world: World, client: Client) -> MessageId | None:
    known = list(client.model.chat) if client.model is not None else []
    return MessageId(world.chance.choice(known[-4:])) if known else None


def _participant(world: World, client: Client) -> ParticipantId | None:
    people = client.model.people.values() if client.model is not None else ()
    there = [person for person in people if person["role"] == "participant"]
    heard = [person for person in there if person["microphone"]]
    known = [person["id"] for person in (heard if heard and world.chance.random() < 0.8 else there)]
    return ParticipantId(world.chance.choice(known)) if known else None


def _chat(world: World) -> None:
    client = _someone(world)
    if client is not None:
        for _ in range(world.chance.choice((1, 1, 1, 3))):
            world.texts += 1
            text = f"~secret~text {world.texts}~"
            client.ask(PostChat(client.request_id(), MessageId(f"m{world.texts}"), text))


def _chat_again(world: World) -> None:
    tried = [client for client in world.clients if client.unsaved and client.connected]
    if tried:
        client = world.chance.choice(tried)
        message = client.unsaved.pop()
        client.ask(PostChat(client.request_id(), message.message_id, message.text))


def _hide(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and (which := _message(world, client)) is not None:
        client.ask(HideChat(client.request_id(), which))
        if world.chance.random() < 0.3:
            client.ask(ShowChat(client.request_id(), which))


def _show(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and client.model is not None:
        hidden = [message["id"] for message in client.model.chat.values() if message["hidden"]]
        which = MessageId(world.chance.choice(hidden)) if hidden else _message(world, client)
        if which is not None:
            client.ask(ShowChat(client.request_id(), which))


def _close_microphone(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and (whose := _participant(world, client)) is not None:
        client.ask(CloseMicrophone(client.request_id(), whose))
        if world.chance.random() < 0.3:
            client.ask(AllowMicrophone(client.request_id(), whose))


def _allow_microphone(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and client.model is not None:
        closed = [person["id"] for person in client.model.people.values() if person["microphone_closed"]]
        whose = ParticipantId(world.chance.choice(closed)) if closed else _participant(world, client)
        if whose is not None:
            client.ask(AllowMicrophone(client.request_id(), whose))


def _devices(world: World) -> None:
    client = _someone(world)
    if client is not None and (me := client.me) is not None:
        microphone, camera = world.chance.random() < 0.8, world.chance.random() < 0.4
        client.ask(SetDevices(client.request_id(), microphone, camera, me["closings"]))


def _share(world: World) -> None:
    client = _someone(world)
    if client is not None and (me := client.me) is not None:
        if me["screen"] and world.chance.random() < 0.6:
            client.ask(StopSharing(client.request_id()))
        else:
            client.ask(ShareScreen(client.request_id(), world.chance.random() < 0.5))


def _close_screen(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and client.model is not None:
        sharing = [person["id"] for person in client.model.people.values() if person["screen"] or person["may_share"]]
        whose = ParticipantId(world.chance.choice(sharing)) if sharing else _participant(world, client)
        if whose is not None:
            client.ask(CloseScreen(client.request_id(), whose))


def _allow_screen(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and (whose := _participant(world, client)) is not None:
        client.ask(AllowScreen(client.request_id(), whose))


def _admit(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and client.model is not None:
        waiting = list(client.model.lobby)
        whose = ParticipantId(world.chance.choice(waiting)) if waiting else _participant(world, client)
        if whose is not None:
            client.ask(Admit(client.request_id(), whose))


def _move_to_lobby(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and (whose := _participant(world, client)) is not None:
        client.ask(MoveToLobby(client.request_id(), whose))
        if world.chance.random() < 0.3:
            client.ask(MoveToLobby(client.request_id(), whose))


def _remove(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and (whose := _participant(world, client)) is not None:
        client.ask(Remove(client.request_id(), whose))


def _cover(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None:
        kind = AskForCover if world.chance.random() < 0.5 else WithdrawCover
        client.ask(kind(client.request_id()))


def _own_part(world: World) -> None:
    client = _someone(world)
    if client is not None:
        on = world.chance.random() < 0.6
        client.ask(
            world.chance.choice(
                (
                    SetListening(client.request_id(), on),
                    SetNotAlone(client.request_id(), on),
                    React(client.request_id(), Reaction.THANK_YOU),
                )
            )
        )


def _own_turn(world: World) -> None:
    client = _someone(world)
    if client is not None and _in_room(client):
        client.ask(own_request(world, client))


def _lead_turns(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and _in_room(client):
        client.ask(mentors_request(world, client))


def _set_mode(world: World) -> None:
    client = _someone(world, Role.MENTOR, Role.THERAPIST)
    if client is not None and _in_room(client):
        client.ask(mode_request(world, client))


def _in_room(client: Client) -> bool:
    return client.model is not None and not client.model.waiting


def _come(world: World) -> None:
    outside = [client for client in world.clients if not client.wants_in]
    if outside:
        world.chance.choice(outside).come()


def _leave(world: World) -> None:
    client = _someone(world)
    if client is not None:
        client.ask(Leave(client.request_id()))


def _end(world: World) -> None:
    client = _someone(world, Role.MENTOR)
    if client is not None:
        client.ask(EndSession(client.request_id()))


def _close_page(world: World) -> None:
    client = _someone(world)
    if client is not None:
        client.close()


def _reload(world: World) -> None:
    client = _someone(world)
    if client is not None:
        client.reload()


def _second_page(world: World) -> None:
    client = _someone(world)
    if client is not None:
        world.add_page(client.who).come()


def _say_twice(world: World) -> None:
    """What was asked arrives twice on the same socket."""
    waiting = [client for client in world.clients if client.pending and client.connected]
    if waiting:
        client = world.chance.choice(waiting)
        for asked in tuple(client.pending.values()):
            client.send(asked.message)


def _nonsense(world: World) -> None:
    client = _someone(world)
    if client is not None:
        client.say(world.chance.choice((b"\xc1", b"{", b"\x80", b"\x81\xa4type\xa4nope")))


def _stranger(world: World) -> None:
    """Somebody without a valid token; whatever they are told, it is no name."""
    stranger = world.stranger()
    first = world.chance.choice(
        (Join("not-a-token-at-all"), Resume("not-a-token-at-all", 0), Leave(stranger.request_id()))
    )
    stranger.knock(first)


# ── the world ────────────────────────────────────────────────────────────────────────────────


def _lose_socket(world: World) -> None:
    with_socket = [client for client in world.clients if client.socket is not None]
    if with_socket:
        client = world.chance.choice(with_socket)
        assert client.socket is not None
        up, down = world.chance.choice(((True, True), (True, False), (False, True)))
        world.tell(f"{client} loses its socket {up} {down}")
        client.socket.lose(up=up, down=down)


def _lose_all(world: World) -> None:
    for client in world.clients:
        if client.socket is not None:
            client.socket.lose()


def _crash(world: World) -> None:
    world.crash_in(world.chance.randint(0, world.chance.choice((20, 100, 400))), world.chance.choice((0.1, 2.0, 20.0)))


async def _zombie(world: World) -> None:
    await world.start_beside()


async def _restart(world: World) -> None:
    await world.restart_gently(world.chance.choice((0.2, 3.0)))


def _disk_full(world: World) -> None:
    world.disk.full_until = world.loop.time() + world.chance.choice((0.5, 3.0, 10.0))


def _disk_stuck(world: World) -> None:
    world.disk.stuck_until = world.loop.time() + world.chance.choice((0.5, 3.0, 14.0))


def _wall_step(world: World) -> None:
    world.clock.stepped_ms += world.chance.choice((-7_200_000, 7_200_000, 1_000))


def _wait(world: World) -> Awaitable[None]:
    return asyncio.sleep(world.chance.choice((5.0, 30.0, 65.0, 130.0)))


ACTIONS: tuple[Action, ...] = (
    Action("chat", lambda _: 5, _chat),
    Action("chat again", lambda _: 1, _chat_again),
    Action("hide", lambda _: 1.5, _hide),
    Action("show", lambda _: 1.5, _show),
    Action("close microphone", lambda _: 2.5, _close_microphone),
    Action("allow microphone", lambda _: 2, _allow_microphone),
    Action("devices", lambda _: 4, _devices),
    Action("share", lambda _: 2, _share),
    Action("close a screen", lambda _: 1, _close_screen),
    Action("allow a screen", lambda _: 1, _allow_screen),
    Action("admit", lambda _: 1.5, _admit),
    Action("move to the lobby", lambda _: 0.8, _move_to_lobby),
    Action("remove", lambda _: 0.3, _remove),
    Action("cover", lambda _: 0.6, _cover),
    Action("own part", lambda _: 1, _own_part),
    Action("own turn", lambda _: 3, _own_turn),
    Action("lead turns", lambda _: 4, _lead_turns),
    Action("set the mode", lambda _: 1.5, _set_mode),
    Action("come", lambda _: 2, _come),
    Action("leave", lambda _: 0.7, _leave),
    Action("end", lambda _: 0.15, _end),
    Action("close the page", lambda _: 0.4, _close_page),
    Action("reload", lambda _: 0.5, _reload),
    Action("second page", lambda _: 0.3, _second_page),
    Action("say twice", lambda odds: 4 * odds.repeats, _say_twice),
    Action("nonsense", lambda _: 0.3, _nonsense),
    Action("stranger", lambda _: 0.3, _stranger),
    Action("lose a socket", lambda odds: 10 * odds.socket_loss, _lose_socket),
    Action("lose all sockets", lambda odds: odds.socket_loss, _lose_all),
    Action("crash", lambda odds: 15 * odds.crash, _crash),
    Action("another server", lambda odds: 15 * odds.zombie, _zombie),
    Action("restart", lambda odds: 3 * odds.crash, _restart),
    Action("disk full", lambda odds: 10 * odds.outage, _disk_full),
    Action("disk stuck", lambda odds: 5 * odds.outage, _disk_stuck),
    Action("clock step", lambda odds: 5 * odds.wall_steps, _wall_step),
    Action("wait", lambda _: 0.7, _wait),
)
