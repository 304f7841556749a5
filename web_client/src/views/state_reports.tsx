import { helpLines } from "../crisis";

/** Where the state takes reports, as far as the program has said. */
export function StateReports() {
  return (
    <>
      {helpLines.value.state_reports.map(({ name, phone }) => (
        <a key={phone} class="phone-line" href={`tel:${phone}`}>
          {name}: {phone}
        </a>
      ))}
    </>
  );
}
