import { useEffect, useRef, useState } from "preact/hooks";
import { isErrorCode } from "../protocol/codec";
import type { Whereabouts } from "../connection/api";
import { CRISIS } from "../crisis";
import { clockTime, listOf, type Words } from "../words";
import { flagWordsFor, type FlagWords } from "../words/flags";
import { waitingCall, type ShownFlag } from "../state/flags";
import type { FlagsHere } from "./flags_here";
import { whatOf } from "./help";
import { Icon } from "./icon";
import { useNow } from "./ticking";
import { minutes } from "./turn_talk";

interface CardProps {
  words: Words;
  here: FlagsHere;
}

/** While nobody has answered a crisis that I raised: what to do until someone does. Then: that someone has. */
export function CrisisCard(props: CardProps) {
  const { flagging, staff } = props.here;
  if (flagging.crises.value.length > 0) return staff ? <StaffCard {...props} /> : <OwnCard {...props} />;
  if (flagging.answered.value.length > 0) return <Answered {...props} />;
  const call = staff ? null : waitingCall(flagging.shown.value);
  return call && <Waits {...props} call={call} />;
}

/** A call that waits, where its sheet is closed. */
function Waits({ words, here, call }: CardProps & { call: ShownFlag }) {
  const say = flagWordsFor(words.language);
  return (
    <p class="note" role="status">
      <Icon name="heart" />
      <span>
        {here.flagging.deaf.value ? say.unheard : say.line(whatOf(say, call), say.status[call.status])}{" "}
        {call.told.length > 0 && (call.told.length > 1 ? say.toldMany : say.told)(listOf(words, call.told))}
      </span>
    </p>
  );
}

/** A therapist has read it. What helps stays until it is put away. */
function Answered({ words, here }: CardProps) {
  const say = flagWordsFor(words.language);
  const { answered } = here.flagging;
  const place = useInSight();
  const names = [...new Set(answered.value.map(({ about }) => about).filter((name) => name !== ""))];
  return (
    <section ref={place} class="crisis-card answered" aria-label={say.answeredRegion}>
      <div class="head">
        <h2>
          <Icon name="check" />
          {here.staff ? say.staffAnswered : say.ownAnswered}
        </h2>
      </div>
      {here.staff ? (
        <p>
          <strong>{say.stay(listOf(words, names))}</strong> {say.answeredMore}
        </p>
      ) : (
        <p>{say.ownAnsweredMore}</p>
      )}
      <Calls here={here} say={say} />
      <button
        class="btn wide"
        type="button"
        onClick={() => {
          answered.value = [];
        }}
      >
        {words.close}
      </button>
    </section>
  );
}

/** It comes into sight by itself: who raised it has scrolled to somebody, or looks elsewhere. */
function useInSight() {
  const place = useRef<HTMLElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: "center" }), []);
  return place;
}

function Head({ here, say, title }: { here: FlagsHere; say: FlagWords; title: string }) {
  const { flagging } = here;
  const oldest = flagging.crises.value.at(-1)?.atMs ?? 0;
  const since = flagging.own.value.crisis?.since_ms ?? oldest;
  const time = minutes(Math.max(0, useNow(flagging.now, true) - since));
  return (
    <div class="head">
      <h2>
        <Icon name="alert" />
        {title}
      </h2>
      <span class="num" role="timer" aria-label={say.since(time)}>
        {time}
      </span>
    </div>
  );
}

/** Who is asked, as far as it has got through. */
function Asking({ words, here, say }: CardProps & { say: FlagWords }) {
  const { crises, own } = here.flagging;
  const arrived = crises.value.some(({ status }) => status === "received" || status === "unstored");
  const told = own.value.crisis?.told ?? [];
  if (here.flagging.deaf.value) return <p class="strong">{say.unheard}</p>;
  if (!arrived) {
    const out = crises.value.every(({ status }) => status === "sending");
    return <p>{out ? say.askingSomeone : say.notThere}</p>;
  }
  return <p>{told.length > 0 ? say.asking(listOf(words, told)) : say.askingSomeone}</p>;
}

function Calls({ here, say }: { here: FlagsHere; say: FlagWords }) {
  const phones = here.flagging.own.value.crisis?.phones ?? [];
  return (
    <div class="calls">
      <a class="btn" href={`tel:${CRISIS.lifeline}`}>
        {say.call(CRISIS.lifeline)}
      </a>
      <a class="btn danger" href={`tel:${CRISIS.emergency}`}>
        {say.call(CRISIS.emergency)}
      </a>
      {phones.map(({ name, phone }) => (
        <a key={phone} class="btn" href={`tel:${phone.replaceAll(/[^\d+]/g, "")}`}>
          {say.phoneName(name)}
        </a>
      ))}
    </div>
  );
}

function StaffCard({ words, here }: CardProps) {
  const say = flagWordsFor(words.language);
  const { crises, people } = here.flagging;
  const place = useInSight();
  const names = [...new Set(crises.value.map(({ about }) => about).filter((name) => name !== ""))];
  // The server tells me my own flags by name. Who shares one with another is not looked up by guess.
  const whose = names.flatMap((name) => {
    const found = people.value.filter((one) => one.name === name && one.role === "participant");
    return found.length === 1 ? found : [];
  });
  return (
    <section ref={place} class="crisis-card" aria-label={say.crisisRegion}>
      <Head here={here} say={say} title={say.nobodyYet} />
      <Asking words={words} here={here} say={say} />
      <ol>
        <li>
          <strong>{say.stay(listOf(words, names))}</strong> {say.stayMore}
        </li>
        <li>
          <strong>{say.ask}</strong> {say.askMore}
        </li>
        <li>
          <strong>{say.phone}</strong> {say.phoneMore}
        </li>
      </ol>
      <Calls here={here} say={say} />
      {whose.map(({ id, name }) => (
        <Where key={id} words={words} here={here} say={say} id={id} name={name} />
      ))}
    </section>
  );
}

type Found = { readonly name: "closed" | "asking" | "denied" | "failed" } | { readonly name: "read"; readonly it: Whereabouts; readonly atMs: number };

/** Read when it is asked for, and gone with the card. */
function Where({ words, here, say, id, name }: CardProps & { say: FlagWords; id: string; name: string }) {
  const [found, setFound] = useState<Found>({ name: "closed" });
  const { flagging } = here;
  const text = useRef<HTMLDivElement>(null);
  const isRead = found.name === "read";
  // The button that asked for it is gone.
  useEffect(() => {
    if (isRead) text.current?.focus();
  }, [isRead]);
  const read = async () => {
    setFound({ name: "asking" });
    const it = await flagging.whereabouts(id);
    if (it === null) setFound({ name: "failed" });
    else if (isErrorCode(it)) setFound({ name: it === "not_allowed" || it === "not_found" ? "denied" : "failed" });
    else setFound({ name: "read", it, atMs: flagging.now() });
  };
  if (found.name === "read") {
    const { it, atMs } = found;
    const contact = [it.contact_name, it.contact_relation].filter((part) => part !== "").join(", ");
    return (
      <div class="stack s" tabIndex={-1} ref={text}>
        <dl>
          <dt>{say.nowAt}</dt>
          <dd>{[it.place, it.city, it.region].filter((part) => part !== "").join(", ")}</dd>
          <dt>{say.callBack}</dt>
          <dd>
            <Tel number={it.call_back} />
          </dd>
          <dt>{say.contact}</dt>
          <dd>{it.no_contact ? say.nobodyToName : [contact, " ", <Tel key="tel" number={it.contact_phone} />]}</dd>
        </dl>
        <p class="quiet">{say.whereRead(clockTime(words, atMs))}</p>
      </div>
    );
  }
  return (
    <>
      <button
        class="btn wide"
        type="button"
        aria-describedby="where-written"
        aria-disabled={found.name === "asking" || undefined}
        onClick={() => found.name !== "asking" && void read()}
      >
        <Icon name="pin" small />
        {say.where(name)}
      </button>
      <p class="quiet" id="where-written" role="status">
        {found.name === "denied" ? say.whereNot : found.name === "failed" ? say.whereFailed : say.whereWritten}
      </p>
    </>
  );
}

function Tel({ number }: { number: string }) {
  return <a href={`tel:${number.replaceAll(/[^\d+]/g, "")}`}>{number}</a>;
}

/** Of who called for help themselves. */
function OwnCard({ words, here }: CardProps) {
  const say = flagWordsFor(words.language);
  const place = useInSight();
  return (
    <section ref={place} class="crisis-card" aria-label={say.crisisRegion}>
      <Head here={here} say={say} title={here.flagging.deaf.value ? say.notThere : say.ownTitle} />
      <Asking words={words} here={here} say={say} />
      <p>{say.ownStay}</p>
      <Calls here={here} say={say} />
    </section>
  );
}
