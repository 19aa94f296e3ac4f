/** Marks and rulers over an image, as SVG in pixels of the screen. */

import { svg } from "./dom";
import type { Box, ImageTold } from "./types";
import type { View } from "./view";

export interface Shape {
  id: string;
  image: string;
  box: Box;
  kind: "malignant" | "benign" | "unclassified" | "own" | "rejected" | "others";
  badge: string;
  title: string;
  dashed?: boolean;
  /** Which line below the box its badge stands in; above the box where there is none. */
  below?: number;
}

export interface Ruler {
  image: string;
  from: [number, number];
  to: [number, number];
}

/** Which mark is selected, linked to that, or being corrected. */
export interface Chosen {
  selected: string | null;
  twin: string | null;
  editing: string | null;
}

/** A mark with its number, and handles where it is being corrected. */
export function drawShape(view: View, shape: Shape, chosen: Chosen): SVGElement {
  const box = view.boxToScreen(shape.box);
  const [x0, y0, x1, y1] = box;
  const group = svg("g", {
    class: `mark ${shape.kind}${shape.id === chosen.selected ? " selected" : ""}${shape.id === chosen.twin ? " twin" : ""}${shape.dashed ? " dashed" : ""}`,
    "data-id": shape.id,
  });
  group.append(svg("title", {}, shape.title), rectangle("halo", box), rectangle("line", box));
  const width = 8 + (shape.badge.length > 4 ? 7 : 8) * shape.badge.length;
  const y = shape.below !== undefined ? y1 + 3 + 18 * shape.below : y0 > 20 ? y0 - 19 : y1 + 3;
  group.append(
    svg("rect", { class: "badge", x: x0 - 1, y, width, height: 16, rx: 3 }),
    svg("text", { x: x0 - 1 + width / 2, y: y + 12, "text-anchor": "middle" }, shape.badge),
  );
  if (shape.id === chosen.editing)
    for (const [x, y] of [[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
      group.append(svg("rect", { class: "handle", x: x - 4, y: y - 4, width: 8, height: 8 }));
  return group;
}

export function rectangle(css: string, [x0, y0, x1, y1]: Box): SVGElement {
  return svg("rect", { class: css, x: x0, y: y0, width: Math.max(1, x1 - x0), height: Math.max(1, y1 - y0) });
}

/** Millimetres where the spacing is known, else pixels: a length is never guessed. */
export function length(image: ImageTold, from: [number, number], to: [number, number]): string {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  if (!image.spacing_mm) return `${Math.hypot(dx, dy).toFixed(0)} px`;
  const [down, along] = image.spacing_mm;
  return `${Math.hypot(dx * along, dy * down).toFixed(1)} mm`;
}

export function drawRuler(view: View, ruler: Ruler): SVGElement {
  const [x0, y0] = view.toScreen(...ruler.from);
  const [x1, y1] = view.toScreen(...ruler.to);
  const line = { x1: x0, y1: y0, x2: x1, y2: y1 };
  return svg(
    "g",
    { class: "ruler" },
    svg("line", { class: "halo", ...line }),
    svg("line", { class: "line", ...line }),
    // Beside its end, on the side where there is room.
    svg("text", x1 + 80 < view.size.width ? { x: x1 + 8, y: y1 - 6 } : { x: x1 - 8, y: y1 - 6, "text-anchor": "end" },
      length(view.image, ruler.from, ruler.to)),
  );
}

/** A box cut at the image's border, to a hundredth of a pixel. */
export function within(view: View, [x0, y0, x1, y1]: Box): Box {
  const { columns, rows } = view.image;
  const clamp = (v: number, most: number) => Math.round(Math.min(Math.max(v, 0), most) * 100) / 100;
  return [clamp(x0, columns), clamp(y0, rows), clamp(x1, columns), clamp(y1, rows)];
}

/** The shared area of two boxes in that which either covers. */
export function overlap(a: Box, b: Box): number {
  const across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = across > 0 && down > 0 ? across * down : 0;
  return shared / (area(a) + area(b) - shared);
}

export function area([x0, y0, x1, y1]: Box): number {
  return (x1 - x0) * (y1 - y0);
}
