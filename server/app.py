"""Composition: one node, from its settings to its listeners, and back down in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from media.plane import MediaPlane
from media.shell import SocketEngine
from moderation.permissions import Action
from protocol.codec import Wire
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, SessionId
from protocol.messages import Frame, LayersWanted, PicturesResting, SubscribeOffer
from protocol.values import Role, Source, Tile
from rooms.life import Rules
from server.alerts.book import Book
from server.alerts.delivering import Alerts
from server.alerts.ways import ways_of
from server.arrivals import Arrivals, notices_of
from server.auditing import Auditor, begin_audit
from server.auth import Auth
from server.checkpoints import Checkpointer
from server.checks import Checks, HallWithChecks
from server.clock import Clock, SystemClock
from server.config import Config, allowed_origins, time_zone
from server.denials import Denials
from server.duty import Duties
from server.endings import Endings
from server.flag_reads import FlagReads
from server.flagging import Flagging
from server.front import Front
from server.hall import Hall
from server.housekeeping import Housekeeping
from server.http import HttpDeps, Readiness, make_http, make_runner
from server.http.limits import CHECKS_PER_MINUTE, WAYS_IN_PER_MINUTE, ChangeLimit, FailureLimit, GuessLimit
from server.identity import letters_of, make_identity
from server.keys import RootKey, checkpoint_file
from server.lan import Lan
from server.logs import log_loop_exceptions
from server.metrics import Metrics, MetricsListener
from server.monitoring import Monitoring
from server.open_supervision import open_sessions
from server.responders import Responders
from server.rota import OnCall
from server.signs_of_life import SignsOfLife
from server.sockets import Connection, WebSockets, WsOptions
from server.start_checks import require_all_checkpoints
from server.storage.engine import in_place, open_engine
from server.storage.log import EventLog, Synced
from server.storage.migrate import migrate
from server.storage.reading import check_root_key, newest_event_ms
from server.storage.vault import Vault
from server.supervising import Supervision
from server.supervisor import is_supervision
from server.timeline import Timelines
from server.tokens import JoinTokens, WatchTokens, new_id, new_token
from server.turn import Turn
from server.watchers import MonitorCalls, Watchers
from signaling.endpoint import Endpoint, Settings
from signaling.rate import Rates

ENDED_WITHIN_S: Final = 10.0
"""A sign-in that the command line ended is in no room any more after this long."""

_log = structlog.stdlib.get_logger("holdspace.node")


class Calls:
    """The media plane, as signaling sees it."""

    def __init__(self, plane: MediaPlane, checks: Checks) -> None:
        self._plane = plane
        self._checks = checks

    def begin(self, room: str, participant: str, *, mentor: bool) -> None:
        """A new page of a person: whatever an older one had is gone."""
        self._plane.remove_peer(room, participant)
        self._plane.add_peer(room, participant, echo=self._checks.room(room) is not None, mentor=mentor)

    def end(self, room: str, participant: str) -> None:
        """A person is gone."""
        self._plane.remove_peer(room, participant)

    def publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        """Takes an offer, returns the answer."""
        return self._plane.publish(room, participant, sdp, sources)

    def answer(self, room: str, participant: str, version: int, sdp: str) -> None:
        """Takes the answer to a subscribe offer."""
        self._plane.answer(room, participant, version, sdp)

    def resubscribe(self, room: str, participant: str) -> None:
        """Offers a fresh subscribe connection."""
        self._plane.resubscribe(room, participant)

    def view(self, room: str, participant: str, tiles: Sequence[Tile]) -> None:
        """The pictures that a page shows now."""
        self._plane.view(room, participant, tiles)


class Node:
    """One server process."""

    def __init__(
        self,
        config: Config,
        root_key: RootKey,
        clock: Clock | None = None,
        *,
        lan: Lan | None = None,
        accept_loss: bool = False,
    ) -> None:
        """`lan`: the one port speaks TLS by itself, for others in this network; else a proxy does that.

        `accept_loss`: start although the database is older than its checkpoints.

        Raises:
            ConfigError: the texts, or a secret, cannot be used.
        """
        self.config = config
        self._lan = lan
        self._accept_loss = accept_loss
        self._also_at = () if lan is None else lan.also_at
        self.clock: Clock = clock or SystemClock()
        self.metrics = Metrics()
        self.readiness = Readiness.STARTING
        self.engine = open_engine(config.storage.url, busy_timeout_ms=config.storage.busy_timeout_ms)
        self.auth = Auth(
            self.engine,
            self.clock,
            idle_timeout_s=config.sign_in.idle_timeout_s,
            max_age_s=config.sign_in.max_age_s,
            shared_idle_timeout_s=config.sign_in.shared_idle_timeout_s,
        )
        self._closing = AsyncExitStack()
        self._stop_by = 0.0
        self._tokens = JoinTokens(self.clock, ttl_s=config.sign_in.join_token_s)
        self._watch_tokens = WatchTokens(self.clock, ttl_s=config.sign_in.join_token_s)
        self._vault = Vault(root_key)
        self._turn = Turn(config.turn, self.clock)
        zone = time_zone(config.escalation.time_zone)
        self._letters = letters_of(config.alerts, config.base_url())
        self._ways = ways_of(config.alerts, config.base_url(), self.clock, zone=zone)
        self.arrivals = Arrivals(self.engine, self._vault, self.clock, notices_of(config))
        self._denials = Denials(self.engine, self._vault, self.clock)
        self._housekeeping = Housekeeping(self.engine, self._vault, self.clock, chat_days=config.retention.chat_days)
        self._checkpointer = Checkpointer(
            self.engine,
            self.clock,
            root_key.signing_key(),
            checkpoint_file(config),
            every_s=config.audit.checkpoint_every_s,
        )
        self._log = EventLog(
            self.engine,
            self.clock,
            self._vault,
            max_pending=config.storage.max_pending,
            on_synced=self._synced,
            on_failed=lambda _error: self.metrics.commit_failed(),
        )

    async def start(self) -> None:
        """Brings everything up; returns when the node answers. What was started is stopped again when a step fails.

        Raises:
            StorageError: the database cannot be used, is older than its checkpoints, or was written under another
                root key.
            OSError: an address cannot be listened on.
        """
        try:
            log_loop_exceptions(asyncio.get_running_loop())
            await self._start_storing()
            await self._start_rooms()
            await self._start_listening()
        except BaseException:
            await self._closing.aclose()
            raise
        self.readiness = Readiness.READY
        _log.info("ready", port=self.config.server.port)

    async def _start_storing(self) -> None:
        closing = self._closing
        closing.push_async_callback(self.engine.dispose)
        await self._open_database()
        await self._checkpointer.start()
        # Stopped after the log, so that the last checkpoint covers everything.
        closing.push_async_callback(self._in_time, self._checkpointer.stop)
        await begin_audit(self.engine)
        await self._denials.start()
        closing.push_async_callback(self._in_time, self._denials.stop)
        await self._housekeeping.start()
        closing.push_async_callback(self._in_time, self._housekeeping.stop)
        await self._log.start()
        closing.push_async_callback(self._in_time, self._log.stop)

    async def _start_rooms(self) -> None:
        closing = self._closing
        plane = self._plane = MediaPlane(
            SocketEngine(self.config.media.places()),
            on_offer=self._offer,
            on_speakers=self._speakers,
            on_talk=self._talk,
            on_pictures=self._pictures,
        )
        await plane.start()
        closing.push_async_callback(self._in_time, plane.close)
        loop = asyncio.get_running_loop()
        supervision = await self._begin_supervision(loop, plane)
        self._checks = Checks(
            plane, loop, new_id, unopened_s=self.config.sign_in.join_token_s, on_over=self._tokens.revoke_session
        )
        self._hall = hall = self._make_hall(plane, supervision)
        closing.push_async_callback(self._in_time, hall.close)
        self._flagging = Flagging(supervision, self._duties, hall)
        self._timelines = Timelines(self.engine, self._log, supervision, Auditor(self._vault, self.clock))
        self._begin_endings(hall)
        self._endpoint = self._make_endpoint(hall, plane)
        signs = SignsOfLife(
            self.auth,
            self._endpoint.sign_ins_in_use,
            every_s=min(ENDED_WITHIN_S, self.auth.seen_every_ms / 1000),
            on_ended=self._endpoint.end_sign_in,
        )
        signs.start()
        closing.push_async_callback(self._in_time, signs.stop)
        self.metrics.collect_from("media", lambda: {k: float(v) for k, v in asdict(plane.stats()).items()})
        self.metrics.count_participants(hall.participants)

    async def _start_listening(self) -> None:
        config, closing = self.config, self._closing
        origins = allowed_origins(config.base_url(), *self._also_at)
        sockets = WebSockets(self._serve_socket, WsOptions(origins=origins), monotonic=self.clock.monotonic)
        runner = make_runner(make_http(self._http_deps(sockets)))
        await runner.setup()
        closing.push_async_callback(runner.cleanup)
        if runner.server is None:
            raise RuntimeError("a runner that was set up has a server")
        listener = MetricsListener(self.metrics)
        await listener.start(config.server.metrics_host, config.server.metrics_port)
        closing.push_async_callback(listener.stop)
        front = Front(runner.server, sockets)
        await front.start(config.server.host, config.server.port, self._lan and self._lan.tls)
        closing.push_async_callback(lambda: front.stop(self._left_s()))
        closing.push_async_callback(self._in_time, self._endpoint.drain)

    async def _begin_supervision(self, loop: asyncio.AbstractEventLoop, plane: MediaPlane) -> Supervision:
        closing = self._closing
        self._duties = duties = Duties(self.engine, self.clock, loop, self.config.escalation)
        closing.push_async_callback(self._in_time, duties.close)
        reads = FlagReads(self.engine, Auditor(self._vault, self.clock), loop)
        closing.push_async_callback(self._in_time, reads.close)
        alerts = await self._begin_alerts(loop)
        supervision = Supervision(self._log, self.clock, loop, duties, alerts.escalated)
        closing.push_async_callback(self._in_time, supervision.close)
        self._monitoring = Monitoring(
            supervision, plane, new_id=new_id, consented=self.arrivals.have_consented, tell=self._tell
        )
        self._watchers = Watchers(
            self.engine,
            self._watch_tokens,
            supervision,
            duties,
            loop,
            monitoring=self._monitoring,
            on_denied=self._denied,
            on_read=reads.read,
        )
        closing.push_async_callback(self._in_time, self._watchers.close)
        # What waited for someone before the restart goes on waiting, whoever comes.
        for session_id in await open_sessions(self.engine):
            supervision.wake(session_id)
        return supervision

    async def _begin_alerts(self, loop: asyncio.AbstractEventLoop) -> Alerts:
        alerts = Alerts(
            self._ways,
            Book(self.engine),
            self.clock,
            loop,
            chance=random.random,
            on_outcome=self.metrics.alert_tried,
        )
        await alerts.start()
        self._closing.push_async_callback(self._in_time, alerts.close)
        self.metrics.collect_from("alerts", alerts.waiting)
        return alerts

    def _begin_endings(self, hall: Hall) -> None:
        endings = Endings(self.engine, hall, self.clock, after_ms=_ms(self.config.rooms.end_after_s))
        endings.start()
        self._closing.push_async_callback(self._in_time, endings.stop)

    async def _open_database(self) -> None:
        config = self.config
        # Before anything is opened: to open a database that is not there makes one.
        await require_all_checkpoints(
            config.storage.url, checkpoint_file(config), self.clock, accept_loss=self._accept_loss
        )
        await migrate(config.storage.url)
        await check_root_key(self.engine, self._vault)
        if isinstance(self.clock, SystemClock):
            self.clock.not_before(await newest_event_ms(self.engine))

    async def stop(self) -> None:
        """Says goodbye to everyone, stores what was decided, and closes, all in one time of grace.

        Clients come back by themselves.
        """
        self.readiness = Readiness.DRAINING
        self._stop_by = self.clock.monotonic() + self.config.server.shutdown_grace_s
        # While rooms still take it, and their streams are open.
        self._plane.count_all_talk()
        await self._closing.aclose()
        _log.info("stopped")

    def _left_s(self) -> float:
        """What is left of the time of grace, in seconds; a moment at least, for what takes no time."""
        return max(0.5, self._stop_by - self.clock.monotonic())

    async def _in_time(self, step: Callable[[], Awaitable[None]]) -> None:
        """One step of stopping. A stuck disk or client must not keep the process from ending."""
        try:
            async with asyncio.timeout(self._left_s()):
                await step()
        except TimeoutError:
            _log.warning("cut off at the end of the time of grace", step=step.__qualname__)

    def _denied(self, identity_id: IdentityId, action: Action, session_id: SessionId) -> None:
        """Someone in a room asked for what they may not do."""
        self._denials.denied(identity_id, action.value, session_id)

    def _synced(self, group: Synced) -> None:
        of_rooms = sum(not is_supervision(stream_id) for stream_id in group.appended)
        self.metrics.committed(of_rooms, group.seconds)
        self._hall.synced(group)

    def _make_hall(self, plane: MediaPlane, supervision: Supervision) -> Hall:
        return Hall(
            self.engine,
            self._log,
            self._tokens,
            plane,
            self.clock,
            asyncio.get_running_loop(),
            arrived=self._may_enter,
            away_grace_ms=_ms(self.config.rooms.away_grace_s),
            rules=Rules(
                leader_grace_ms=_ms(self.config.rooms.leader_grace_s),
                cover_wait_ms=_ms(self.config.rooms.cover_wait_s),
                lobby_wait_ms=_ms(self.config.rooms.lobby_wait_s),
            ),
            on_rooms=self.metrics.set_rooms,
            on_failed=self.metrics.room_failed,
            on_denied=self._denied,
            follows=supervision,
        )

    def _make_responders(self) -> Responders:
        return Responders(
            self.engine,
            self._hall,
            Auditor(self._vault, self.clock),
            on_changed=self._duty_changed,
        )

    def _duty_changed(self) -> None:
        self._duties.outdated()
        self._watchers.outdated()

    def _make_endpoint(self, hall: Hall, plane: MediaPlane) -> Endpoint:
        signaling = self.config.signaling
        return Endpoint(
            HallWithChecks(hall, self._checks),
            Calls(plane, self._checks),
            self.metrics,
            new_token=new_token,
            new_id=new_id,
            now_ms=self.clock.now_ms,
            monotonic=self.clock.monotonic,
            settings=Settings(
                ping_every_s=signaling.ping_every_s,
                away_grace_ms=round(self.config.rooms.away_grace_s * 1000),
                max_outbox_bytes=signaling.max_outbox_bytes,
                rates=Rates(
                    frames_per_s=signaling.frames_per_s,
                    frames_burst=signaling.frames_burst,
                    chat_per_s=signaling.chat_per_s,
                    chat_burst=signaling.chat_burst,
                ),
            ),
            supervision=self._watchers,
            monitors=MonitorCalls(self._watchers, self._monitoring),
            whispers=self._monitoring,
        )

    def _http_deps(self, sockets: WebSockets) -> HttpDeps:
        identity = make_identity(
            self.engine,
            self._vault,
            self.clock,
            self.auth,
            self._letters,
            base_url=self.config.base_url(),
            on_roles=self._duty_changed,
            config=self.config.sign_in,
            also_at=self._also_at,
        )
        self._closing.push_async_callback(self._in_time, identity.accounts.settled)
        return HttpDeps(
            engine=self.engine,
            auth=self.auth,
            join_tokens=self._tokens,
            clock=self.clock,
            base_url=self.config.base_url(),
            also_at=self._also_at,
            authority=self._lan and self._lan.authority,
            client_dir=Path(self.config.server.client_dir),
            readiness=self.ready,
            sign_in_failures=FailureLimit(self.clock, self.config.sign_in.failures_per_minute),
            end_sign_in=self._endpoint.end_sign_in,
            watch_tokens=self._watch_tokens,
            responders=self._make_responders(),
            flagging=self._flagging,
            contacts=self.config.contacts,
            on_call=OnCall(
                self.engine,
                self.clock,
                Auditor(self._vault, self.clock),
                new_id=new_id,
                on_changed=self._duty_changed,
            ),
            timelines=self._timelines,
            monitoring=self._monitoring,
            arrivals=self.arrivals,
            end_person=self._end_person,
            participant=self._hall.participant,
            removed=self._hall.removed,
            identity=identity,
            guesses=GuessLimit(self.clock),
            letters_asked=GuessLimit(self.clock),
            changes=ChangeLimit(self.clock),
            ways_in=ChangeLimit(self.clock, WAYS_IN_PER_MINUTE),
            checks=ChangeLimit(self.clock, CHECKS_PER_MINUTE),
            ice_servers=self._turn.ice_servers,
            denied=self._denials.denied,
            expect=self._plane.expect,
            begin_check=self._checks.begin,
            sockets=sockets,
        )

    async def _may_enter(
        self, connection: AsyncConnection, person_id: IdentityId, session_id: SessionId, role: Role
    ) -> bool:
        """A check is for those who arrive: nothing is asked before it, and nobody else is in it."""
        if self._checks.room(session_id) is not None:
            return True
        return await self.arrivals.may_enter(connection, person_id, session_id, role)

    def ready(self) -> Readiness:
        """Whether new people may come now."""
        if self.readiness is Readiness.READY and not in_place(self.engine):
            return Readiness.STORAGE_LOST
        return self.readiness

    def _end_person(self, identity: IdentityId, code: ErrorCode) -> None:
        if code is ErrorCode.CONSENT_REVOKED:
            # Before they are out of the room: nobody hears another word.
            self._monitoring.consent_ended(identity)
        self._endpoint.end_person(identity, code)
        self._hall.depart(identity)

    async def _serve_socket(self, ws: Connection) -> None:
        wire = Wire(ws.subprotocol) if ws.subprotocol else Wire.MSGPACK
        await self._endpoint.handle(ws, wire)

    def _offer(self, room: str, participant: str, offer: SubscribeOffer) -> None:
        if offer.fresh:
            self._monitoring.began_anew(SessionId(room), ParticipantId(participant))
        self._endpoint.offer(SessionId(room), ParticipantId(participant), offer)

    def _tell(self, room: SessionId, participant: ParticipantId, frame: Frame) -> None:
        self._endpoint.tell(room, participant, frame)

    def _pictures(self, room: str, participant: str, frame: LayersWanted | PicturesResting) -> None:
        self._endpoint.pictures(SessionId(room), ParticipantId(participant), frame)

    def _talk(self, room: str, times: Mapping[str, int]) -> None:
        self._hall.count_talk(SessionId(room), {ParticipantId(who): ms for who, ms in times.items()})

    def _speakers(self, room: str, participants: tuple[str, ...]) -> None:
        heard = tuple(ParticipantId(p) for p in participants)
        self._endpoint.speakers(SessionId(room), heard)
        self._monitoring.speakers(SessionId(room), heard)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
