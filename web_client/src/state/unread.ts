import type { ChatView } from "../protocol/generated";

/** How many messages of others came after the one read last; null when none was there to read. */
export function unreadAfter(chat: readonly ChatView[], read: string | null, you: string): number {
  const from = read === null ? 0 : chat.findIndex((message) => message.id === read) + 1;
  if (read !== null && from === 0) return 0;
  return chat.slice(from).filter((message) => message.author_id !== you && !message.hidden).length;
}
