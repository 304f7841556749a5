import { options, render } from "preact";
import { App } from "./app";
import { makeApi, makeCall, type Me, type SessionEntry } from "./connection/api";
import { systemClock } from "./connection/clock";
import { Connection, type ConnectionEvents } from "./connection/connection";
import { asMyself } from "./connection/myself";
import { openWebSocket } from "./connection/socket";
import { learnHelpLines } from "./crisis";
import { Drawing } from "./drawing";
import { GOODBYE } from "./goodbye";
import { codecReady } from "./protocol/codec";
import { captureFrom } from "./media/capture";
import type { PathVerdict } from "./media/check";
import { LocalMedia, watchPermission } from "./media/devices";
import { watchLevel } from "./media/level";
import { watchLink } from "./media/own_link";
import { Publisher } from "./media/publish";
import { Sound } from "./media/sound";
import { Subscriber } from "./media/subscribe";
import { playTone } from "./media/tone";
import { LocalScreen } from "./media/screen";
import { newId } from "./new_id";
import { chosenDevices, clearStorage, kept, keptNotes, owed, plans, stays } from "./remembered";
import { RoomSession } from "./session";
import { Root } from "./views/root";
import { languageFor, wordsFor } from "./words";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/arrive.css";

const RELOAD_MS = 3_000;

function start(root: HTMLElement): void {
  const query = new URLSearchParams(location.search);
  // Beside the first requests, so that nobody waits for both.
  const loading = wordsFor(navigator.languages);
  codecReady().catch(() => {});
  const api = makeApi((input, init) => fetch(input, init));
  const capture = captureFrom(query);
  const local = new LocalMedia(capture, navigator.mediaDevices, {
    chosen: chosenDevices,
    after: systemClock.after,
    visible: () => document.visibilityState === "visible",
  });
  const screen = new LocalScreen(navigator.mediaDevices);
  const sound = new Sound();
  const makePeer = (config: RTCConfiguration) => new RTCPeerConnection(config);
  const { after } = systemClock;
  const drawing = new Drawing(after);
  options.debounceRendering = drawing.later;

  function openRoom(me: Me, entry: SessionEntry, wanted: { microphone: boolean; camera: boolean }): RoomSession {
    const publisher = new Publisher({
      makePeer,
      capture,
      after,
      silent: () => session.nudge(),
      trouble: (trouble) => session.mediaTrouble("publish", trouble),
      offer: (sdp, sources) => connection.request({ type: "publish_offer", sdp, sources }, "resume"),
    });
    const subscriber = new Subscriber({
      makePeer,
      after,
      silent: () => session.nudge(),
      trouble: (trouble) => session.mediaTrouble("subscribe", trouble),
      answer: (version, sdp) => void connection.send({ type: "subscribe_answer", version, sdp }),
      restart: () => connection.request({ type: "restart_subscribe" }, "resume"),
      tracks: (received, whisper) => {
        session.received.value = received;
        session.whispers.voice.value = whisper;
      },
      underWay: drawing.release,
    });
    let connection!: Connection;
    let stepsIn = entry.steppingIn ?? false;
    const join = async () => {
      // Once: who comes back after a lost connection has stepped in already.
      if (stepsIn) await asMyself(api, me.you, () => api.stepIn(entry.id));
      stepsIn = false;
      return api.join(entry.id, me.you);
    };
    const session = new RoomSession(
      {
        connect: (events) => {
          connection = new Connection(
            {
              clock: systemClock,
              openSocket: openWebSocket,
              join,
              random: Math.random,
              newId,
            },
            events,
          );
          return connection;
        },
        publisher,
        subscriber,
        local,
        screen,
        newId,
        watchLink: (on) =>
          watchLink(
            { after, publish: () => publisher.peer, subscribe: () => subscriber.peer, tracks: () => subscriber.tracks },
            on,
          ),
        after,
        urgent: drawing.hold,
      },
      wanted,
    );
    if (query.has("debug")) void import("./debug").then((debug) => debug.exposeForDebugging(publisher, subscriber));
    return session;
  }

  /** Loaded when it is begun: a page is there without it. `failed`: it could not be loaded. */
  function check(on: (verdict: PathVerdict) => void, failed: () => void = () => {}): () => void {
    const connect = (events: ConnectionEvents) =>
      new Connection(
        { clock: systemClock, openSocket: openWebSocket, join: () => api.check(), random: Math.random, newId },
        events,
      );
    let stopped = false;
    let stop = () => {};
    void Promise.all([import("./media/check"), import("./media/black")]).then(([{ checkPath }, { blackTrack }]) => {
      if (!stopped) stop = checkPath({ clock: systemClock, connect, makePeer, local, blackTrack }, on);
    }, failed);
    return () => {
      stopped = true;
      stop();
    };
  }
  if (query.has("debug")) void import("./debug").then((debug) => debug.exposeCheckForDebugging(check));

  const app = new App({
    api,
    clock: systemClock,
    random: Math.random,
    local,
    openRoom,
    openDesk: async (me) => {
      const { openDesk } = await import("./therapist");
      const expose = query.has("debug") ? (await import("./debug")).exposeForDebugging : undefined;
      return openDesk({ api, call: makeCall((input, init) => fetch(input, init)), clock: systemClock, openSocket: openWebSocket, random: Math.random, newId, me, local, makePeer, expose });
    },
    watchLevel,
    checkPath: ({ state }) =>
      check(
        (verdict) => state(verdict.path),
        () => state("off"),
      ),
    playTone,
    language: languageFor(navigator.languages),
    forgetToken: () => history.replaceState(null, "", location.pathname + location.search),
    vanish: () => {
      document.title = "New page";
      root.replaceChildren();
      history.replaceState(null, "", GOODBYE);
      // Needs no network, where the browser's own page of errors would show this address.
      location.replace("about:blank");
      clearStorage();
    },
    owed,
    asked: query.get("session"),
    kept,
    keptNotes,
    stays,
    plans,
  });
  // Another link opened on this same page changes only its fragment, which loads nothing by itself.
  addEventListener("hashchange", () => {
    if (location.hash.length > 1) location.reload();
  });
  addEventListener("online", () => app.nudge());
  addEventListener("offline", () => app.networkLost());
  for (const source of ["microphone", "camera"] as const) watchPermission(source, () => app.allowed(source));
  // Shown again as it was, from the browser's memory: its connections and devices are gone.
  addEventListener("pageshow", (event) => {
    if (event.persisted) app.nudge();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") app.nudge();
  });
  loading.then(
    (words) => {
      if (location.pathname === GOODBYE) return;
      document.documentElement.lang = words.language;
      learnHelpLines(makeCall((input, init) => fetch(input, init))).catch(() => {});
      render(<Root app={app} local={local} sound={sound} words={words} />, root);
    },
    // Without words there is no page. The sign-in is kept, by the link or its cookie.
    () => setTimeout(() => location.reload(), RELOAD_MS),
  );
  void app.begin(location.hash.length > 1 ? location.hash.slice(1) : null);
}

const root = document.getElementById("app");
if (root && location.pathname !== GOODBYE) start(root);
