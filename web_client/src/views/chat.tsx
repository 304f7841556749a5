import { useLayoutEffect, useRef } from "preact/hooks";
import type { ChatView } from "../protocol/generated";
import type { PendingChat } from "../posting";
import { lettersLeft } from "../state/length";
import { timeOfDay, type Words } from "../words";
import { turnWordsFor } from "../words/turns";
import { useFollow } from "./follow";
import { Icon } from "./icon";

export interface ChatProps {
  words: Words;
  you: string;
  messages: readonly ChatView[];
  /** There are older messages than those. */
  earlier: boolean;
  pending: readonly PendingChat[];
  draft: string;
  /** A mentor can hide and show messages. */
  mentor: boolean;
  /** Nobody leads: what is written stays in the field until it goes on. */
  paused: boolean;
  /** On a phone the chat takes the place of the tiles and can be closed. */
  closable: boolean;
  onDraft: (draft: string) => void;
  onSend: (text: string) => void;
  onRetry: (id: string) => void;
  onHide: (id: string) => void;
  onShow: (id: string) => void;
  onClose: () => void;
}

/** From here on the person is told how much more fits. */
const NEAR = 200;

export function Chat(props: ChatProps) {
  const { words, messages, pending, draft } = props;
  const list = useRef<HTMLOListElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const newest = [messages.at(-1)?.id, pending.at(-1)?.id].join();
  const { behind, toEnd } = useFollow(list, newest);
  useLayoutEffect(() => {
    if (field.current) grow(field.current);
  }, [draft]);
  const left = lettersLeft(draft.trim());
  const send = (event: Event) => {
    event.preventDefault();
    const text = draft.trim();
    // What is too long, or cannot be sent now, stays in the field, whole.
    if (!text || left < 0 || props.paused) {
      field.current?.focus();
      return;
    }
    props.onSend(text);
    props.onDraft("");
    toEnd();
  };
  const onKey = (event: KeyboardEvent) => {
    // A touch keyboard has no second Enter for a new line; an input method uses Enter to choose a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
    send(event);
  };
  return (
    <section class="panel chat" aria-label={words.chat}>
      <div class="head">
        <h2>{words.chat}</h2>
        {props.closable && (
          <button class="btn sq plain" type="button" aria-label={words.closeChat} onClick={props.onClose}>
            <Icon name="cross" />
          </button>
        )}
      </div>
      <ol class="talk" tabIndex={0} aria-label={words.messages} ref={list}>
        {messages.length + pending.length === 0 && !props.earlier && <li class="quiet">{words.emptyChat}</li>}
        {props.earlier && <li class="quiet">{words.earlier}</li>}
        {messages.map((message) => (
          <Message key={message.id} {...props} message={message} />
        ))}
        {pending.map((message) => (
          <li key={message.id} class="waiting">
            <p class="by">
              <b>{words.you}</b>
              {message.failed === null && <span class="quiet">{words.sending}</span>}
            </p>
            <p class="text">{message.text}</p>
            {message.failed !== null && (
              <p class="row s wrap failed">
                <span>
                  {words.notSent} {words.error(message.failed)}
                </span>
                <button class="btn" type="button" onClick={() => props.onRetry(message.id)}>
                  {words.tryAgain}
                </button>
              </p>
            )}
          </li>
        ))}
      </ol>
      {behind && (
        <button class="btn newer" type="button" onClick={toEnd}>
          {words.newMessages}
        </button>
      )}
      {props.paused && (
        <p class="note care" id="chat-paused">
          <Icon name="pause" />
          <span>{words.pausedChat}</span>
        </p>
      )}
      <form onSubmit={send}>
        <label class="vh" for="chat-field">
          {words.writeToGroup}
        </label>
        <textarea
          class="input"
          rows={1}
          id="chat-field"
          ref={field}
          placeholder={words.writeToGroup}
          autocomplete="off"
          // Not disabled, which would take the focus from who is writing.
          readOnly={props.paused}
          aria-describedby={props.paused ? "chat-paused" : left <= NEAR ? "chat-left" : undefined}
          aria-invalid={left < 0}
          value={draft}
          onKeyDown={onKey}
          onInput={(event) => props.onDraft(event.currentTarget.value)}
        />
        <button class="btn soft" type="submit" aria-disabled={props.paused ? "true" : undefined}>
          {words.send}
        </button>
        {left <= NEAR && (
          <p id="chat-left" class={left < 0 ? "too-long" : "quiet"}>
            {left < 0 ? words.tooLong(-left) : words.lettersLeft(left)}
          </p>
        )}
        {/* Said once when it becomes too long, not with each letter. */}
        <p class="vh" role="status">
          {left < 0 && words.error("too_large")}
        </p>
      </form>
    </section>
  );
}

/** As tall as what is written in it; the style sheet says how far. */
function grow(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

function Message({ words, you, mentor, message, onHide, onShow }: ChatProps & { message: ChatView }) {
  const mine = message.author_id === you;
  const textId = `message-${message.id}`;
  return (
    <li class={message.hidden ? "hidden-message" : undefined}>
      <div class="by">
        <b>{mine ? words.you : message.author_name}</b>
        <span class="quiet num">{timeOfDay(words, message.at_ms)}</span>
        {message.turn && <span class="tag soft">{turnWordsFor(words.language).form.message}</span>}
        {mentor && (
          <button
            class="btn plain snug"
            type="button"
            aria-label={message.hidden ? words.showMessage : words.hideMessage}
            aria-describedby={textId}
            onClick={() => (message.hidden ? onShow(message.id) : onHide(message.id))}
          >
            {message.hidden ? words.show : words.hide}
          </button>
        )}
      </div>
      <p class="text" id={textId}>{message.hidden && !message.text ? <span class="quiet">{words.messageHidden}</span> : message.text}</p>
      {message.hidden && mentor && <p class="quiet">{words.hiddenFromGroup}</p>}
    </li>
  );
}
