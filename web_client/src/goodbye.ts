/** What takes the place of this page after Quick exit, should it be loaded again: this same file, empty. */
export const GOODBYE = "/goodbye";
