/** Where an image lies in a viewport: points of the image to points of the screen and back. */

import type { Box, ImageTold, Outline, Side } from "./types";

export interface Size {
  width: number;
  height: number;
}

export interface Grey {
  center: number;
  width: number;
  invert: boolean;
}

export const FULL: Grey = { center: 0.5, width: 1, invert: false };

export class View {
  /** The image point in the middle of the viewport. */
  x: number;
  y: number;
  /** Screen pixels (CSS) for one image pixel along a row. */
  scale = 1;
  /** Whether the file has to be mirrored left to right for the chest walls to hang together. */
  private turned = false;
  /** Mirrored once more, as the sides have changed places. */
  mirrored = false;
  grey: Grey = { ...FULL };
  outline: Outline = { breast: null, faces_left: null, window: [0, 1] };
  size: Size = { width: 1, height: 1 };

  /** Whether it is known where the breast lies; until then only the coarsest pixels are asked for. */
  settled = false;

  constructor(readonly image: ImageTold) {
    this.x = image.columns / 2;
    this.y = image.rows / 2;
  }

  /** How much taller than wide a pixel is. */
  get aspect(): number {
    const spacing = this.image.spacing_mm;
    return spacing ? spacing[0] / spacing[1] : 1;
  }

  /** Millimetres for one image pixel along a row; 1 where unknown, to be compared only alike. */
  get mm(): number {
    return this.image.spacing_mm?.[1] ?? 1;
  }

  /** Whether the image is shown mirrored left to right. */
  get flip(): boolean {
    return this.turned !== this.mirrored;
  }

  toScreen(x: number, y: number): [number, number] {
    const away = (x - this.x) * this.scale;
    return [
      this.size.width / 2 + (this.flip ? -away : away),
      this.size.height / 2 + (y - this.y) * this.scale * this.aspect,
    ];
  }

  toImage(sx: number, sy: number): [number, number] {
    const away = (sx - this.size.width / 2) / this.scale;
    return [
      this.x + (this.flip ? -away : away),
      this.y + (sy - this.size.height / 2) / (this.scale * this.aspect),
    ];
  }

  boxToScreen([x0, y0, x1, y1]: Box): Box {
    const [ax, ay] = this.toScreen(x0, y0);
    const [bx, by] = this.toScreen(x1, y1);
    return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  }

  boxToImage([x0, y0, x1, y1]: Box): Box {
    const [ax, ay] = this.toImage(x0, y0);
    const [bx, by] = this.toImage(x1, y1);
    return [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
  }

  pan(dx: number, dy: number): void {
    this.x -= (this.flip ? -dx : dx) / this.scale;
    this.y -= dy / (this.scale * this.aspect);
  }

  /** Zoom by a factor; what lies at a point of the screen stays there. */
  zoom(factor: number, sx = this.size.width / 2, sy = this.size.height / 2): void {
    const [x, y] = this.toImage(sx, sy);
    this.scale = Math.min(Math.max(this.scale * factor, 0.01), 40);
    const [nx, ny] = this.toScreen(x, y);
    this.pan(sx - nx, sy - ny);
  }

  hang(outline: Outline): void {
    this.outline = outline;
    const left = outline.faces_left;
    if (left === null || this.image.laterality === null) return;
    this.turned = this.image.laterality === "R" ? !left : left;
  }

  /** The window that shows the breast's own grey from black to white. */
  get contrast(): Grey {
    const [low, high] = this.outline.window;
    return { center: (low + high) / 2, width: Math.max(high - low, 0.01), invert: this.grey.invert };
  }

  /** The part to be seen: the breast, or all of the image. */
  get part(): Box {
    return this.outline.breast ?? [0, 0, this.image.columns, this.image.rows];
  }

  /** The scale at which the part fits, in screen pixels a millimetre where spacing is known. */
  fitting(whole = false): number {
    const [x0, y0, x1, y1] = whole ? [0, 0, this.image.columns, this.image.rows] : this.part;
    const along = this.size.width / (x1 - x0);
    const down = this.size.height / ((y1 - y0) * this.aspect);
    return (0.98 * Math.min(along, down)) / this.mm;
  }

  /** Show the part at a scale, the chest wall at the edge where the other breast hangs. */
  place(perMm: number, whole = false): void {
    const [x0, y0, x1, y1] = whole ? [0, 0, this.image.columns, this.image.rows] : this.part;
    this.scale = perMm * this.mm;
    this.y = (y0 + y1) / 2;
    this.x = (x0 + x1) / 2;
    const side: Side | null = this.image.laterality;
    if (whole || side === null || this.outline.faces_left === null) return;
    const half = this.size.width / 2 / this.scale;
    this.x = this.outline.faces_left ? x1 - half : x0 + half;
  }

  /** The middle of that of the breast which is in sight; of the viewport where none of it is. */
  get middle(): [number, number] {
    const [x0, y0, x1, y1] = this.boxToImage([0, 0, this.size.width, this.size.height]);
    const [a, b, c, d] = this.part;
    const [left, top, right, bottom] = [Math.max(x0, a), Math.max(y0, b), Math.min(x1, c), Math.min(y1, d)];
    return left < right && top < bottom ? [(left + right) / 2, (top + bottom) / 2] : [this.x, this.y];
  }

  center([x0, y0, x1, y1]: Box): void {
    this.x = (x0 + x1) / 2;
    this.y = (y0 + y1) / 2;
  }
}
