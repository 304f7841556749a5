/** What only who leads needs; participants do not load it. */
import "../styles/lead.css";

export { LeadTurns } from "./turn_lead";
export { Modes } from "./turn_modes";
export { TurnItems } from "./turn_items";
export { Talk } from "./turn_talk";
export { watched } from "../words/watch_words";
