import { expect, test, vi } from "vitest";
import { ApiError, makeApi } from "../../src/connection/api";

function answering(status: number, body?: unknown) {
  return vi.fn<typeof fetch>(async () => new Response(body === undefined ? null : JSON.stringify(body), { status }));
}

test("signing in sends the token in the body, never in the address", async () => {
  const send = answering(200, { name: "Ellie" });
  await expect(makeApi(send).signIn("secret-token")).resolves.toEqual({ name: "Ellie" });
  const [url, init] = send.mock.calls[0] ?? [];
  expect(url).toBe("/api/v1/sign-in");
  expect(init?.body).toBe('{"token":"secret-token"}');
  expect(init?.credentials).toBe("same-origin");
});

test("joining posts JSON to the session", async () => {
  const send = answering(200, { ws_url: "/ws", token: "t", ice_servers: [], expires_at: "2026" });
  await expect(makeApi(send).join("a/b", "ellie")).resolves.toMatchObject({ token: "t" });
  const [url, init] = send.mock.calls[0] ?? [];
  expect(url).toBe("/api/v1/sessions/a%2Fb/join");
  expect(init?.headers).toEqual({ "Content-Type": "application/json" });
  expect(init?.body).toBe('{"you":"ellie"}');
});

test("an error answer carries its stable code", async () => {
  const send = answering(410, { error: { code: "session_ended", message: "" } });
  await expect(makeApi(send).join("s", "ellie")).rejects.toEqual(new ApiError("session_ended"));
});

test("401 without a readable body still means signed out", async () => {
  await expect(makeApi(answering(401)).me()).rejects.toMatchObject({ code: "signed_out" });
});

test("a proxy that answers for a busy server is understood without words", async () => {
  await expect(makeApi(answering(429)).join("s", "ellie")).rejects.toMatchObject({ code: "rate_limited" });
  await expect(makeApi(answering(503, "<html>")).join("s", "ellie")).rejects.toMatchObject({ code: "overloaded" });
});

test("a server that cannot be reached has no code, so that it is tried again", async () => {
  const send = vi.fn<typeof fetch>(async () => {
    throw new TypeError("fetch failed");
  });
  await expect(makeApi(send).me()).rejects.toMatchObject({ code: null });
  await expect(makeApi(answering(502, "<html>")).me()).rejects.toMatchObject({ code: null });
});

test("signing out outlives the page", async () => {
  const send = answering(204);
  await makeApi(send).signOut();
  expect(send.mock.calls[0]?.[1]?.keepalive).toBe(true);
});

test("what is asked on the way in is asked in the person's language", async () => {
  const send = answering(200, { ready: true });
  await makeApi(send).arrival("a/b", "es");
  expect(send.mock.calls[0]?.[0]).toBe("/api/v1/sessions/a%2Fb/arrival?language=es");
  expect(send.mock.calls[0]?.[1]?.method).toBe("GET");
});

test("what a person says travels in bodies, never in addresses", async () => {
  const send = answering(204);
  const api = makeApi(send);
  const consent = { kind: "notice", session_id: "s", version: "5", language: "en" } as const;
  const there = {
    place: "Library",
    city: "Dayton",
    region: "Ohio",
    call_back: "555-0172",
    contact_name: "Rosa",
    contact_relation: "",
    contact_phone: "555-0148",
    no_contact: false,
  };
  await api.agree(consent);
  await api.takeBack();
  await api.setWhereabouts("s", there);
  const named = answering(200, { name: "El" });
  await expect(makeApi(named).setName("El")).resolves.toEqual({ name: "El" });
  const told = [...send.mock.calls, ...named.mock.calls].map(([url, init]) => [init?.method, url, JSON.parse(String(init?.body))]);
  expect(told).toEqual([
    ["POST", "/api/v1/consents", consent],
    ["DELETE", "/api/v1/consents", { kind: "notice" }],
    ["PUT", "/api/v1/sessions/s/whereabouts", there],
    ["PUT", "/api/v1/me/name", { name: "El" }],
  ]);
});

test("half of a sign in a text does not keep the rest of it from arriving", async () => {
  const send = answering(200, { name: "Ellie" });
  await makeApi(send).setName("Ellie\ud83d \ud83d\ude42\udc00");
  expect(send.mock.calls[0]?.[1]?.body).toBe(JSON.stringify({ name: "Ellie \ud83d\ude42" }));
});
