// A part of its own, that nobody needs before the first socket is open.
export { decode, encode } from "@msgpack/msgpack";
