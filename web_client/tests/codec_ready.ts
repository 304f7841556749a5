// What is loaded later in a browser is there from the beginning in tests.
import { codecReady } from "../src/protocol/codec";

await codecReady();
