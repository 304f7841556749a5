import { codecReady, SUBPROTOCOL } from "../protocol/codec";

/** What the connection needs of a WebSocket; tests bring their own. */
export interface Socket {
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(code: number): void;
}

export interface SocketEvents {
  opened(): void;
  message(bytes: Uint8Array): void;
  /** Called exactly once, also when it never opened. */
  closed(code: number): void;
}

export type OpenSocket = (url: string, events: SocketEvents) => Socket;

/** As where nothing of ours was said: it is begun anew. */
const CLOSE_WITHOUT_CODEC = 4412;

/** `ws_url` may be a path, http(s) or ws(s); the result is ws(s). */
export function socketUrl(wsUrl: string, page: string): string {
  const url = new URL(wsUrl, page);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  return url.href;
}

export const openWebSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(socketUrl(url, location.href), SUBPROTOCOL);
  socket.binaryType = "arraybuffer";
  // Nothing comes before the first frame is sent, and that waits for what writes it.
  const ready = codecReady();
  ready.catch(() => {});
  socket.addEventListener("open", () => {
    ready.then(
      () => {
        if (socket.readyState === WebSocket.OPEN) events.opened();
      },
      // As with a socket that was lost: a later one tries again.
      () => socket.close(CLOSE_WITHOUT_CODEC),
    );
  });
  socket.addEventListener("message", (event: MessageEvent<unknown>) => {
    // A text frame cannot be ours under this subprotocol; an empty one is refused by the decoder.
    events.message(event.data instanceof ArrayBuffer ? new Uint8Array(event.data) : new Uint8Array());
  });
  socket.addEventListener("close", (event) => events.closed(event.code));
  return {
    send: (bytes) => socket.send(bytes),
    close: (code) => socket.close(code),
  };
};
