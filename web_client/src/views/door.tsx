import type { WaitingView } from "../protocol/generated";
import type { Words } from "../words";
import { Icon } from "./icon";
import { Menu } from "./menu";

export interface DoorActs {
  readonly menuFor: string | null;
  onMenu: (id: string | null) => void;
  onAdmit: (id: string) => void;
  onRemove: (id: string, name: string) => void;
}

/** Who waits in the lobby, as the last seat. Each is let in by name; there is no "all". */
export function Door({
  words,
  lobby,
  open,
  acts,
}: {
  words: Words;
  lobby: readonly WaitingView[];
  /** People can be let in now. */
  open: boolean;
  acts: DoorActs;
}) {
  return (
    <div class="door" role="group" aria-label={words.lobby}>
      <ul>
        {lobby.map(({ id, name, expected }) => (
          <li key={id}>
            <p class="nm">
              <Icon name="door" />
              <span>
                <strong>{name}</strong> {words.inLobby}
              </span>
            </p>
            <div class="row s">
              {open && !expected ? (
                <button
                  class="btn soft grow"
                  type="button"
                  aria-label={words.admitPerson(name)}
                  onClick={() => acts.onAdmit(id)}
                >
                  {words.admit}
                </button>
              ) : (
                <p class="quiet grow">{expected ? words.comesIn : words.askedIn}</p>
              )}
              <Menu words={words} id={id} name={name} open={acts.menuFor === id} framed onMenu={acts.onMenu}>
                {(choose) => (
                  <button
                    class="danger"
                    type="button"
                    aria-haspopup="dialog"
                    onClick={choose(() => acts.onRemove(id, name))}
                  >
                    <Icon name="leave" small />
                    {words.removePerson(name)}
                  </button>
                )}
              </Menu>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
