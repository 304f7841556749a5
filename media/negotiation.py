"""What we answer and offer (RFC 9429, RFC 8829's successor): VP8 and Opus, one bundle, ICE-lite, DTLS passive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from media import sdp
from media.dtls import Fingerprint
from media.engine.interface import Candidate, ExtensionIds, Kind
from media.sdp import Direction, Section, refuse
from protocol.values import Source

MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
TRANSPORT_CC_URI: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
RID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL_URI: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

AUDIO_CLOCK: Final = 48_000
VIDEO_CLOCK: Final = 90_000
OPUS: Final = 111
VP8: Final = 96
VP8_RTX: Final = 97
EGRESS_EXTENSIONS: Final = ExtensionIds(mid=1, audio_level=2)
_MAX_PUBLISHED: Final = 16
"""Sections of a publish offer, with those that we reject, as a data channel's."""
_OPUS_FMTP: Final = "minptime=10;useinbandfec=1"
_ALGORITHMS: Final = ("sha-256", "sha-384", "sha-512")
_KIND_OF: Final = {
    Source.MICROPHONE: Kind.AUDIO,
    Source.CAMERA: Kind.VIDEO,
    Source.SCREEN: Kind.VIDEO,
    Source.SCREEN_AUDIO: Kind.AUDIO,
}


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of a connection, as a description needs it. `session` is the o= line's id."""

    ufrag: str
    pwd: str
    fingerprint: Fingerprint
    candidates: Sequence[Candidate]
    session: int


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    """An m-section of a publish offer that we take."""

    mid: str
    kind: Kind
    source: Source
    sending: bool
    payload_type: int
    rtx_payload_type: int | None
    ssrcs: tuple[int, ...]
    rtx_ssrcs: tuple[int, ...]
    rids: tuple[str, ...] = ()
    """The layers of a simulcast that we take, in the order of the offer: clients put the lowest first."""


@dataclass(frozen=True, slots=True)
class PublishOffer:
    """A publish offer, read and checked."""

    ufrag: str
    fingerprint: Fingerprint
    extensions: ExtensionIds
    tracks: tuple[PublishedTrack, ...]
    sections: tuple[tuple[Section, PublishedTrack | None], ...]
    reduced_rtcp: bool
    """All of them take RTCP feedback alone (RFC 5506): some of it is about them all."""
    mixed: bool
    """One-byte and two-byte header extensions may be mixed in the whole session."""


def kind_of(source: Source) -> Kind:
    """What kind of stream a source is."""
    return _KIND_OF[source]


def read_publish_offer(text: str, sources: Mapping[str, Source]) -> PublishOffer:
    """Reads a client's offer; `sources` says what each mid carries. Raises Refused(SDP_REJECTED)."""
    description = sdp.parse(text, _MAX_PUBLISHED)
    if len(set(sources.values())) != len(sources):
        raise refuse("sources")
    sections: list[tuple[Section, PublishedTrack | None]] = []
    for section in description.sections:
        source = sources.get(section.mid) if section.mid else None
        track = _published(section, source) if source is not None and not section.rejected else None
        sections.append((section, track))
    taken = [(section, track) for section, track in sections if track is not None]
    if {track.mid for _, track in taken} != set(sources) or not taken:
        raise refuse("sources")
    if len(taken) > 1 and not {track.mid for _, track in taken} <= set(description.bundle):
        raise refuse("group")
    first = taken[0][0]
    for section, _ in taken:
        if section.bundle_only and section.mid not in description.bundle:
            raise refuse("bundle-only")
    return PublishOffer(
        ufrag=_required(first.ufrag, "ice-ufrag"),
        fingerprint=_their_fingerprint(first, ("actpass", "active")),
        extensions=_extensions([section for section, _ in taken]),
        tracks=tuple(track for _, track in taken),
        sections=tuple(sections),
        reduced_rtcp=all(section.reduced_rtcp for section, _ in taken),
        mixed=description.mixed,
    )


def _published(section: Section, source: Source) -> PublishedTrack:
    kind = kind_of(source)
    if section.kind != kind or not section.rtcp_mux or "SAVP" not in section.protocol:
        raise refuse("m")
    codec = section.codec("opus" if kind is Kind.AUDIO else "vp8")
    if codec is None or codec.clock_rate != (AUDIO_CLOCK if kind is Kind.AUDIO else VIDEO_CLOCK):
        raise refuse("rtpmap")
    repairing = set(section.repairs.values())
    ssrcs = tuple(ssrc for ssrc in section.ssrcs if ssrc not in repairing)
    repairs = tuple(section.repairs[ssrc] for ssrc in ssrcs if ssrc in section.repairs)
    return PublishedTrack(
        mid=section.mid,
        kind=kind,
        source=source,
        sending=section.direction in (Direction.SENDONLY, Direction.SENDRECV),
        payload_type=codec.payload_type,
        rtx_payload_type=section.repair_of(codec.payload_type) if kind is Kind.VIDEO else None,
        ssrcs=ssrcs,
        rtx_ssrcs=repairs if len(repairs) == len(ssrcs) else (),
        rids=_layers(section) if kind is Kind.VIDEO else (),
    )


def _layers(section: Section) -> tuple[str, ...]:
    # Layers that we could not tell apart are not taken: then only the first encoding is sent (RFC 8853 section 5.3).
    if not section.simulcast or MID_URI not in section.extensions or RID_URI not in section.extensions:
        return ()
    if not set(section.simulcast) <= section.sent_rids.keys():
        raise refuse("simulcast")
    return section.simulcast


def _extensions(sections: list[Section]) -> ExtensionIds:
    by_uri: dict[str, int] = {}
    by_id: dict[int, str] = {}
    for section in sections:
        for uri, number in section.extensions.items():
            if by_uri.setdefault(uri, number) != number or by_id.setdefault(number, uri) != uri:
                raise refuse("extmap")
    return ExtensionIds(
        mid=by_uri.get(MID_URI, 0),
        transport_cc=by_uri.get(TRANSPORT_CC_URI, 0),
        audio_level=by_uri.get(AUDIO_LEVEL_URI, 0),
        rid=by_uri.get(RID_URI, 0),
        repaired_rid=by_uri.get(REPAIRED_RID_URI, 0),
    )


def _required(value: str, name: str) -> str:
    if not value:
        raise refuse(name)
    return value


def _their_fingerprint(section: Section, setups: tuple[str, ...]) -> Fingerprint:
    if section.setup not in setups:
        raise refuse("setup")
    _required(section.ufrag, "ice-ufrag")
    _required(section.pwd, "ice-pwd")
    for algorithm in _ALGORITHMS:
        for line in section.fingerprints:
            if line.algorithm == algorithm:
                return Fingerprint(line.algorithm, line.value)
    raise refuse("fingerprint")


def write_publish_answer(offer: PublishOffer, local: Local, version: int) -> str:
    """Our answer: takes what `read_publish_offer` took, rejects the rest."""
    bundle = [track.mid for track in offer.tracks]
    lines = _session(local, version, bundle, mixed=offer.mixed)
    candidates = local.candidates
    for section, track in offer.sections:
        if track is None:
            lines += [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
            lines += [f"a=mid:{section.mid}"] if section.mid else []
            lines.append("a=inactive")
            continue
        direction = Direction.RECVONLY if track.sending else Direction.INACTIVE
        uris = [MID_URI, TRANSPORT_CC_URI] + ([AUDIO_LEVEL_URI] if track.kind is Kind.AUDIO else [])
        uris += [RID_URI, REPAIRED_RID_URI] if track.rids else []
        extensions = [(section.extensions[uri], uri) for uri in uris if uri in section.extensions]
        lines += _media(
            section.protocol, track.kind, track.mid, direction, track.payload_type, track.rtx_payload_type, extensions
        )
        lines += ["a=rtcp-rsize"] if section.reduced_rtcp else []
        lines += ["a=extmap-allow-mixed"] if section.mixed and not offer.mixed else []
        lines += _feedback(track.kind, track.payload_type, transport_cc=TRANSPORT_CC_URI in section.extensions)
        if track.rids:
            lines += [f"a=rid:{rid} recv" for rid in track.rids] + [f"a=simulcast:recv {';'.join(track.rids)}"]
        lines += _connection(local, "passive", candidates)
        candidates = ()
    return _text(lines)


@dataclass(frozen=True, slots=True)
class OfferedSlot:
    """An m-section of a subscribe offer. `stream` groups sound and picture that belong together."""

    mid: str
    kind: Kind
    active: bool
    ssrc: int
    rtx_ssrc: int | None
    stream: str


def write_subscribe_offer(slots: Sequence[OfferedSlot], local: Local, version: int) -> str:
    """Our offer: one m-section a slot, `sendonly` or `inactive`."""
    lines = _session(local, version, [slot.mid for slot in slots], mixed=True)
    candidates = local.candidates
    for slot in slots:
        audio = slot.kind is Kind.AUDIO
        payload_type, rtx = (OPUS, None) if audio else (VP8, VP8_RTX)
        extensions = [(EGRESS_EXTENSIONS.mid, MID_URI)]
        extensions += [(EGRESS_EXTENSIONS.audio_level, AUDIO_LEVEL_URI)] if audio else []
        direction = Direction.SENDONLY if slot.active else Direction.INACTIVE
        lines += _media("UDP/TLS/RTP/SAVPF", slot.kind, slot.mid, direction, payload_type, rtx, extensions)
        lines.append("a=rtcp-rsize")
        lines += _feedback(slot.kind, payload_type, transport_cc=False)
        lines.append(f"a=msid:{slot.stream} {slot.stream}-{slot.kind}")
        if slot.rtx_ssrc is not None:
            lines.append(f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}")
        lines += [f"a=ssrc:{ssrc} cname:{slot.stream}" for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None]
        lines += _connection(local, "actpass", candidates)
        candidates = ()
    return _text(lines)


def read_subscribe_answer(text: str) -> tuple[Fingerprint, frozenset[str]]:
    """A client's answer: its fingerprint, and the mids that it receives. Raises Refused(SDP_REJECTED)."""
    description = sdp.parse(text)
    live = [section for section in description.sections if not section.rejected]
    if not live:
        raise refuse("m")
    receiving = frozenset(
        section.mid for section in live if section.direction in (Direction.RECVONLY, Direction.SENDRECV)
    )
    return _their_fingerprint(live[0], ("active",)), receiving


def _session(local: Local, version: int, bundle: list[str], *, mixed: bool) -> list[str]:
    lines = [
        "v=0",
        f"o=- {local.session} {version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {' '.join(bundle)}",
        "a=msid-semantic: WMS *",
    ]
    return [*lines, "a=extmap-allow-mixed"] if mixed else lines


def _media(
    protocol: str,
    kind: Kind,
    mid: str,
    direction: Direction,
    payload_type: int,
    rtx: int | None,
    extensions: list[tuple[int, str]],
) -> list[str]:
    formats = f"{payload_type}" if rtx is None else f"{payload_type} {rtx}"
    lines = [
        f"m={kind} 9 {protocol} {formats}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
    ]
    if kind is Kind.AUDIO:
        lines += [f"a=rtpmap:{payload_type} opus/{AUDIO_CLOCK}/2", f"a=fmtp:{payload_type} {_OPUS_FMTP}"]
    else:
        lines.append(f"a=rtpmap:{payload_type} VP8/{VIDEO_CLOCK}")
    if rtx is not None:
        lines += [f"a=rtpmap:{rtx} rtx/{VIDEO_CLOCK}", f"a=fmtp:{rtx} apt={payload_type}"]
    return lines + [f"a=extmap:{number} {uri}" for number, uri in extensions]


def _feedback(kind: Kind, payload_type: int, *, transport_cc: bool) -> list[str]:
    names = ["transport-cc"] if transport_cc else []
    if kind is Kind.VIDEO:
        names += ["ccm fir", "nack", "nack pli"]
    return [f"a=rtcp-fb:{payload_type} {name}" for name in names]


def _connection(local: Local, setup: str, candidates: Sequence[Candidate]) -> list[str]:
    lines = [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.pwd}",
        f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
        f"a=setup:{setup}",
    ]
    for place, candidate in enumerate(candidates):
        # RFC 8445 section 5.1.2.1: host candidates, in our order of preference; TCP below (RFC 6544 section 4.2).
        tcp = candidate.protocol == "tcp"
        priority = ((90 if tcp else 126) << 24) + ((65_535 - place) << 8) + 255
        where = f"{candidate.host} {candidate.port}"
        line = f"a=candidate:{place + 1} 1 {candidate.protocol} {priority} {where} typ host"
        lines.append(f"{line} tcptype passive" if tcp else line)
    if candidates:
        lines.append("a=end-of-candidates")
    return lines


def _text(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"
