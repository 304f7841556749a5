import { beforeEach, expect, test, vi } from "vitest";
import { clearStorage, plans, stays } from "../src/remembered";

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

test("a stay is kept by session, and says nothing of whom", () => {
  stays.write("a", { microphone: false, camera: true, alone: true });
  expect(stays.read("a")).toEqual({ microphone: false, camera: true, alone: true });
  expect(stays.read("b")).toBeNull();
  expect(localStorage).toHaveLength(0);
  expect(Object.entries(sessionStorage)).toEqual([["stay/a", "011"]]);
  stays.clear("a");
  expect(stays.read("a")).toBeNull();
});

test("what cannot be read opens nothing", () => {
  sessionStorage.setItem("stay/a", "?");
  expect(stays.read("a")).toEqual({ microphone: false, camera: false, alone: false });
});

test("steps are kept by session until the visit is over", () => {
  plans.write("a", ["welcome", "check"]);
  expect(plans.read("a")).toEqual(["welcome", "check"]);
  plans.write("a", []);
  expect(sessionStorage).toHaveLength(0);
});

test("quick exit leaves nothing of it", () => {
  stays.write("a", { microphone: true, camera: true, alone: false });
  plans.write("a", ["check"]);
  clearStorage();
  expect(sessionStorage).toHaveLength(0);
});

test("a browser that refuses storage keeps nothing, and nothing fails", () => {
  vi.spyOn(window, "sessionStorage", "get").mockImplementation(() => {
    throw new DOMException("denied", "SecurityError");
  });
  stays.write("a", { microphone: false, camera: false, alone: true });
  plans.write("a", ["check"]);
  expect(stays.read("a")).toBeNull();
  vi.restoreAllMocks();
});
