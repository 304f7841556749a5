/** Drawn people, so that a fixture shows pictures without a camera. */
const LOOKS: Record<string, [wall: string, skin: string, hair: string, shirt: string]> = {
  Dana: ["#dccbb8", "#f0cfae", "#7a4a33", "#5f8273"],
  Marcus: ["#b9c4bd", "#7b4b30", "#22191a", "#c9a35c"],
  Priya: ["#e6d3c5", "#b57a4f", "#2a1d1c", "#a8604b"],
  Joy: ["#cfc0c6", "#6b4430", "#1d1516", "#e0d5c1"],
  Samir: ["#dcd4c0", "#d6a780", "#8d8a86", "#6d7f92"],
  Ellie: ["#c9d2c0", "#f3cdb2", "#b8713d", "#7a6588"],
};

export function pictureOf(name: string): MediaStreamTrack | undefined {
  const look = LOOKS[name];
  if (!look) return undefined;
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const ink = canvas.getContext("2d");
  if (!ink) return undefined;
  const [wall, skin, hair, shirt] = look;
  const blob = (color: string, x: number, y: number, rx: number, ry: number) => {
    ink.fillStyle = color;
    ink.beginPath();
    ink.ellipse(x, y, rx, ry, 0, 0, Math.PI * 2);
    ink.fill();
  };
  const draw = () => {
    ink.fillStyle = wall;
    ink.fillRect(0, 0, 640, 360);
    blob(hair, 320, 150, 92, 105);
    blob(shirt, 320, 372, 170, 115);
    blob(skin, 320, 262, 34, 40);
    blob(skin, 320, 172, 70, 88);
    blob(hair, 320, 100, 76, 38);
    blob("#26211f", 295, 168, 6, 7);
    blob("#26211f", 345, 168, 6, 7);
    ink.strokeStyle = "#7d3f37";
    ink.lineWidth = 5;
    ink.lineCap = "round";
    ink.beginPath();
    ink.arc(320, 196, 26, 0.3, Math.PI - 0.3);
    ink.stroke();
  };
  draw();
  setInterval(draw, 100);
  return canvas.captureStream(10).getVideoTracks()[0];
}
