import { en, type Words } from "./en";
import { es } from "./es";

/** Every catalog; a page loads only its own. */
export const catalogs: readonly Words[] = [en, es];
