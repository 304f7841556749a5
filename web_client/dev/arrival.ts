import type { ArrivalAnswer, Whereabouts } from "../src/connection/api";

/** What a server may answer; the words of a real notice come from there. */
export const remembered: Whereabouts = {
  place: "",
  city: "Dayton",
  region: "Ohio",
  call_back: "555-0172",
  contact_name: "Rosa",
  contact_relation: "my sister",
  contact_phone: "555-0148",
  no_contact: false,
};

const section = (icon: string, heading: string, text: string) => ({ icon, heading, paragraphs: [text] });

export const arrivalAnswer: ArrivalAnswer = {
  name: "Ellie",
  role: "participant",
  title: "Tuesday evening group",
  host: "Dana",
  adult: false,
  notice: {
    version: "5",
    agreed: false,
    language: "en",
    title: "Before you join",
    sections: [
      section("eye", "Who may observe", "A supervising therapist may listen and watch without being seen, in groups and in one-on-ones. Only when there is a concern, or with a written reason. You will not be told when."),
      section("two", "Mentors are not therapists", "They finished this program themselves. They support you. They do not treat you, and they may be observed, too."),
      section("chat", "Who reads what you write", "Your mentor and your supervising therapist read your check-ins. Therapists can read messages, hidden ones too."),
      section("lock", "When we must tell others", "What you say is private. There are limits: when someone may be badly hurt, when a child or a dependent adult is harmed, or when the law orders it."),
      section("cam-off", "We do not record", "Others could record, and we cannot stop them. Everyone agrees not to."),
      section("clock", "What is kept", "Chat and messages for 30 days. Safety reports stay in your clinical record. This agreement is kept for six years."),
      section("moon", "Nobody watches overnight", "Messages are read in working hours. In danger, call or text 988, or call 911."),
      section("help", "If you are in danger", "We try to reach you, then the person you named, then help near you. Help is on every screen."),
      section("again", "You can say no later", "Take this back at any time under “You”. You then leave live sessions, and no one listens any more. It never counts against you."),
    ],
    full: [
      { heading: "Who may observe", paragraphs: ["The long text of the notice, paragraph by paragraph.", "It says the same in full."] },
      { heading: "What is kept, and how long", paragraphs: ["The long text goes on here."] },
    ],
  },
  agreement: {
    version: "2",
    agreed: false,
    language: "en",
    title: "What this group agrees on",
    sections: [
      { heading: "What is said here stays here", paragraphs: ["We do not repeat what others told us, and we do not record."] },
      { heading: "One person speaks", paragraphs: ["We let each other finish. Passing costs nothing."] },
      { heading: "We come as we are", paragraphs: ["No advice unless somebody asks for it."] },
    ],
  },
  whereabouts: { confirmed: false, last: remembered },
  ready: false,
};
