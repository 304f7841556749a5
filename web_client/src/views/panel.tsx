import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon";

/** One thing that needs to be noticed; `care` is amber. */
export function Panel({
  label,
  icon,
  title,
  care = false,
  children,
}: {
  label: string;
  icon: IconName;
  title: string;
  care?: boolean;
  children?: ComponentChildren;
}) {
  return (
    <section class={care ? "turn care" : "turn"} aria-label={label}>
      <span class="ic">
        <Icon name={icon} />
      </span>
      <div class="grow">
        <h2>{title}</h2>
        {children}
      </div>
    </section>
  );
}
