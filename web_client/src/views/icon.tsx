import type { JSX } from "preact";

/** Shapes on a 24 × 24 grid, drawn with the text's own color. */
const SHAPES = {
  again: () => <path d="M4.5 12a7.5 7.5 0 0 1 12.8-5.3L20 9.5M20 4.5v5h-5M19.5 12a7.5 7.5 0 0 1-12.8 5.3L4 14.5M4 19.5v-5h5" />,
  alert: () => <path d="M12 8v4.500M12 15.800v.2M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 1 0 0-17Z" />,
  cam: () => (
    <>
      <rect x="2.5" y="6.5" width="12.5" height="11" rx="2.5" />
      <path d="m15 10.7 5.1-3a.9.9 0 0 1 1.4.8v7a.9.9 0 0 1-1.4.8l-5.100-3" />
    </>
  ),
  camOff: () => (
    <path d="M8.5 6.500h4A2.500 2.500 0 0 1 15 9v1.700l5.100-3a.9.9 0 0 1 1.400.8v7a.9.9 0 0 1-1.200.8M15 15v0a2.500 2.500 0 0 1-2.500 2.500H5A2.500 2.500 0 0 1 2.500 15V9A2.500 2.500 0 0 1 5 6.500M4 4l16 16" />
  ),
  chat: () => (
    <path d="M20.5 11.500a8 8 0 0 1-8.300 7.700 8.900 8.900 0 0 1-3.300-.6L4 20l1.400-4.200a7.300 7.300 0 0 1-1.200-4.300 8 8 0 0 1 8.200-7.700 8 8 0 0 1 8.100 7.700Z" />
  ),
  check: () => <path d="m5 12.5 4.500 4.500L19 7.500" />,
  exit: () => <path d="M14 4h6v6M20 4l-9 9M10.500 5H6a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-4.500" />,
  door: () => <path d="M6 20.500V5a1.500 1.500 0 0 1 1.500-1.500h9A1.500 1.500 0 0 1 18 5v15.500M3.500 20.500h17M14.500 12v.5" />,
  help: () => (
    <>
      <circle cx="12" cy="12" r="8.8" />
      <circle cx="12" cy="12" r="3.5" />
      <path d="m5.8 5.800 3.700 3.700M14.500 14.500l3.700 3.700M18.200 5.800l-3.700 3.700M9.500 14.500l-3.700 3.700" />
    </>
  ),
  cross: () => <path d="M6 6l12 12M18 6 6 18" />,
  leave: () => <path d="M10 20H6.500A1.500 1.500 0 0 1 5 18.500v-13A1.500 1.500 0 0 1 6.500 4H10M15.500 16l4.500-4-4.500-4M19.500 12H10" />,
  lock: () => (
    <>
      <rect x="5" y="11" width="14" height="9.5" rx="2.5" />
      <path d="M8 11V8a4 4 0 0 1 8 0v3" />
    </>
  ),
  mark: () => (
    <>
      <circle cx="12" cy="7.5" r="3.2" />
      <path d="M3.500 11.500a8.500 8.500 0 0 0 17 0" />
    </>
  ),
  mic: () => (
    <>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3M9 21h6" />
    </>
  ),
  micOff: () => (
    <path d="M9 9.200V11a3 3 0 0 0 4.800 2.400M15 11V6a3 3 0 0 0-5.700-1.300M5.500 11.500a6.500 6.500 0 0 0 10.600 5M18.500 11.500a6.300 6.300 0 0 1-.5 2.500M12 18v3M9 21h6M4 4l16 16" />
  ),
  more: () => (
    <>
      <circle cx="12" cy="5.5" r=".8" />
      <circle cx="12" cy="12" r=".8" />
      <circle cx="12" cy="18.5" r=".8" />
    </>
  ),
  phone: () => (
    <path d="M6.200 3.800h2.300l1.700 4.100-2 1.600a11.500 11.500 0 0 0 6.300 6.300l1.600-2 4.100 1.700v2.300a2 2 0 0 1-2.200 2A16.500 16.500 0 0 1 4.200 6a2 2 0 0 1 2-2.200Z" />
  ),
  screens: () => (
    <>
      <rect x="3" y="4.500" width="12" height="9" rx="2" />
      <rect x="10.500" y="10.500" width="10.500" height="9" rx="2" />
    </>
  ),
  sound: () => <path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500H4ZM15.500 9a4.500 4.500 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11" />,
} satisfies Record<string, () => JSX.Element>;

export type IconName = keyof typeof SHAPES;

/** Always beside a word, so never spoken. */
export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg class={small ? "icon s" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {SHAPES[name]()}
    </svg>
  );
}
