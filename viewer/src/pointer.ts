/** What mouse, pen and fingers do in a viewport. */

import { area, within } from "./overlay";
import { sideOf, type Port, type Stage, type Tool } from "./stage";
import type { Box } from "./types";
import type { View } from "./view";

export interface Place {
  x: number;
  y: number;
}

/** Edges of a box that were taken hold of, the box and the place on the screen as it was then. */
interface Grip {
  edges: string;
  at: Box;
  from: [number, number];
}

/** How far from an edge it can be taken hold of, and how far a click may stray, in pixels. */
const HANDLE = 9;
const STILL = 4;

export class Pointer {
  private readonly touches = new Map<number, Place>();

  constructor(private readonly stage: Stage) {}

  attach(port: Port, number: number): void {
    const { element } = port;
    element.addEventListener("pointerdown", (event) => this.down(port, number, event));
    element.addEventListener("pointermove", (event) => this.stage.hover(port, this.local(event)));
    element.addEventListener("pointerleave", () => this.stage.hover(port, null));
    element.addEventListener("wheel", (event) => this.wheel(port, event), { passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  private local(event: PointerEvent | WheelEvent): Place {
    const rect = this.stage.element.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  }

  private wheel(port: Port, event: WheelEvent): void {
    event.preventDefault();
    const { view, pane } = port;
    if (!view || !pane) return;
    const at = this.local(event);
    this.stage.touched = true;
    const factor = Math.exp(-event.deltaY / 400);
    const [across, down] = [(at.x - pane.x) / view.size.width, (at.y - pane.y) / view.size.height];
    for (const other of this.stage.together(view)) {
      // The same place of the breast: mirrored on the other side.
      const there = sideOf(other) === sideOf(view) ? across : 1 - across;
      other.zoom(factor, there * other.size.width, down * other.size.height);
    }
    this.stage.draw();
  }

  private down(port: Port, number: number, event: PointerEvent): void {
    const { view, pane, element } = port;
    if (!view || !pane) return;
    this.stage.activate(number);
    element.setPointerCapture(event.pointerId);
    const start = this.local(event);
    const inside = (at: Place): [number, number] => [at.x - pane.x, at.y - pane.y];
    this.touches.set(event.pointerId, start);
    const grip = this.grip(view, ...inside(start));
    const tool = this.toolOf(event);
    let last = start;
    const move = (moved: PointerEvent) => {
      const at = this.local(moved);
      this.touches.set(moved.pointerId, at);
      if (this.touches.size === 2) this.pinch(moved.pointerId, last, at);
      else if (grip) this.drag(view, grip, ...inside(at));
      else this.act(tool, port, view, { from: inside(start), to: inside(at), by: [at.x - last.x, at.y - last.y] });
      last = at;
    };
    const up = (ended: PointerEvent) => {
      this.touches.delete(ended.pointerId);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      const at = this.local(ended);
      const still = Math.hypot(at.x - start.x, at.y - start.y) < STILL;
      this.end(view, grip !== null, still && event.button === 0, still ? inside(start) : null);
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
  }

  private toolOf(event: PointerEvent): Tool {
    if (event.button === 1 || event.shiftKey) return "pan";
    return event.button === 2 ? "window" : this.stage.tool;
  }

  private act(
    tool: Tool,
    port: Port,
    view: View,
    way: { from: [number, number]; to: [number, number]; by: [number, number] },
  ): void {
    const { stage } = this;
    if (tool === "window") return stage.window(...way.by);
    if (tool === "pan") return stage.pan(...way.by);
    if (tool === "zoom") return stage.zoom(Math.exp(-way.by[1] / 150));
    const [from, to] = [view.toImage(...way.from), view.toImage(...way.to)];
    if (tool === "ruler") stage.rulers = [{ image: view.image.key, from, to }];
    else {
      const across = [from[0], to[0]].sort((a, b) => a - b);
      const along = [from[1], to[1]].sort((a, b) => a - b);
      stage.draft = { port, box: within(view, [across[0], along[0], across[1], along[1]]) };
    }
    stage.draw();
  }

  private end(view: View, gripped: boolean, clicked: boolean, still: [number, number] | null): void {
    const { stage } = this;
    const { draft } = stage;
    stage.draft = null;
    if (gripped) {
      const shape = stage.edited;
      if (shape && !still) stage.listener.moved(shape.id, shape.box);
    } else if (draft && !still) stage.listener.drawn(view.image.key, draft.box);
    else if (clicked && still) this.pick(view, ...still);
    stage.draw();
  }

  private pinch(id: number, before: Place, after: Place): void {
    const other = [...this.touches].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const apart = (place: Place) => Math.hypot(place.x - other.x, place.y - other.y) || 1;
    this.stage.zoom(apart(after) / apart(before));
    this.stage.pan((after.x - before.x) / 2, (after.y - before.y) / 2);
  }

  /** The smallest mark under a place. */
  private pick(view: View, sx: number, sy: number): void {
    const [x, y] = view.toImage(sx, sy);
    const hit = this.stage.shapes
      .filter((shape) => shape.image === view.image.key)
      .filter(({ box: [x0, y0, x1, y1] }) => x >= x0 && x <= x1 && y >= y0 && y <= y1)
      .sort((a, b) => area(a.box) - area(b.box))[0];
    if (hit) this.stage.listener.picked(hit.id);
  }

  /** Which edges of the box that is being corrected lie under a place; all of them inside it. */
  private grip(view: View, sx: number, sy: number): Grip | null {
    const shape = this.stage.edited;
    if (!shape || shape.image !== view.image.key) return null;
    const [x0, y0, x1, y1] = view.boxToScreen(shape.box);
    if (sx < x0 - HANDLE || sx > x1 + HANDLE || sy < y0 - HANDLE || sy > y1 + HANDLE) return null;
    const near = (a: number, b: number) => Math.abs(a - b) <= HANDLE;
    const across = near(sx, x0) ? "w" : near(sx, x1) ? "e" : "";
    const along = near(sy, y0) ? "n" : near(sy, y1) ? "s" : "";
    return { edges: across + along || "wens", at: [x0, y0, x1, y1], from: [sx, sy] };
  }

  private drag(view: View, grip: Grip, sx: number, sy: number): void {
    const shape = this.stage.edited;
    if (!shape) return;
    const [dx, dy] = [sx - grip.from[0], sy - grip.from[1]];
    const moved = (edge: string, by: number) => (grip.edges.includes(edge) ? by : 0);
    const [x0, y0, x1, y1] = grip.at;
    shape.box = within(
      view,
      view.boxToImage([x0 + moved("w", dx), y0 + moved("n", dy), x1 + moved("e", dx), y1 + moved("s", dy)]),
    );
    this.stage.draw();
  }
}
