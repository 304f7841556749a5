/** What is said about pictures and the connection; it comes with the room, and nobody waits for it at the door. */
const en = {
  audioOnly: "Audio only",
  audioOnlyOn: "You hear everyone. No pictures come or go, which saves data.",
  pages: "Pages of people",
  next: "Next people",
  previous: "Previous people",
  range: (from: number, to: number, all: number) => (from === to ? `${from} of ${all}` : `${from} to ${to} of ${all}`),
  weak: "Your connection is weak",
  weakMore: "Pictures may pause; sound goes on.",
  rests: "Picture paused",
  withoutPictures: "Go on with audio only",
};

export type PictureWords = typeof en;

const es: PictureWords = {
  audioOnly: "Solo audio",
  audioOnlyOn: "Usted oye a todos. No se envían ni se reciben imágenes, y así se ahorran datos.",
  pages: "Páginas de personas",
  next: "Personas siguientes",
  previous: "Personas anteriores",
  range: (from, to, all) => (from === to ? `${from} de ${all}` : `${from} a ${to} de ${all}`),
  weak: "Su conexión es débil",
  weakMore: "Las imágenes pueden detenerse; el sonido sigue.",
  rests: "Imagen en pausa",
  withoutPictures: "Seguir solo con audio",
};

export const pictureCatalogs: Readonly<Record<string, PictureWords>> = { en, es };

export function pictureWordsFor(language: string): PictureWords {
  return pictureCatalogs[language] ?? en;
}
