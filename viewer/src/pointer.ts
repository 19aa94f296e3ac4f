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
  /** Takes back what one pointer has begun; null while none, or several, are down. */
  private giveUp: (() => void) | null = null;
  /** The viewport in which the first finger lies. */
  private pinched: Port | null = null;

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
    this.zoomAt(port, this.local(event), Math.exp(-event.deltaY / 400));
    this.stage.draw();
  }

  /** Zoom about a place of the stage; linked views about the same place of the breast. */
  private zoomAt({ view, pane }: Port, at: Place, factor: number): void {
    if (!view || !pane) return;
    this.stage.touched = true;
    const [across, down] = [(at.x - pane.x) / view.size.width, (at.y - pane.y) / view.size.height];
    for (const other of this.stage.together(view)) {
      // Mirrored on the other side.
      const there = sideOf(other) === sideOf(view) ? across : 1 - across;
      other.zoom(factor, there * other.size.width, down * other.size.height);
    }
  }

  private down(port: Port, number: number, event: PointerEvent): void {
    const { view, pane, element } = port;
    if (!view || !pane) return;
    const start = this.local(event);
    element.setPointerCapture(event.pointerId);
    // A first finger: whatever was not seen to end has ended.
    if (event.isPrimary) this.touches.clear();
    this.touches.set(event.pointerId, start);
    if (this.touches.size > 1) return this.second(event);
    this.stage.activate(number);
    const { rulers } = this.stage;
    const inside = (at: Place): [number, number] => [at.x - pane.x, at.y - pane.y];
    const grip = this.grip(view, ...inside(start));
    const tool = this.toolOf(event);
    let last = start;
    // Another finger makes it a pinch: what the first one began is taken back.
    this.giveUp = () => {
      this.stage.draft = null;
      this.stage.rulers = rulers;
      const shape = this.stage.edited;
      if (grip && shape) shape.box = within(view, view.boxToImage(grip.at));
    };
    this.pinched = port;
    this.follow(event, (at) => {
      if (!this.giveUp) return;
      if (grip) this.drag(view, grip, ...inside(at));
      else this.act(tool, port, view, { from: inside(start), to: inside(at), by: [at.x - last.x, at.y - last.y] });
      last = at;
    }, (at, ended) => {
      if (!this.giveUp) return;
      if (ended.type === "pointercancel") this.giveUp();
      this.giveUp = null;
      if (ended.type === "pointercancel") return this.stage.draw();
      const still = Math.hypot(at.x - start.x, at.y - start.y) < STILL;
      this.end(view, grip !== null, still && ended.button === 0, still ? inside(start) : null);
    });
  }

  /** A further finger: two of them zoom and move, and no tool does anything until both are up. */
  private second(event: PointerEvent): void {
    this.giveUp?.();
    this.giveUp = null;
    this.stage.draw();
    this.follow(event, () => {}, () => {});
  }

  /** Call one function for each move of a pointer, another when it is up. */
  private follow(
    { pointerId, currentTarget }: PointerEvent,
    moved: (at: Place) => void,
    ended: (at: Place, event: PointerEvent) => void,
  ): void {
    const element = currentTarget as HTMLElement;
    const move = (event: PointerEvent) => {
      if (event.pointerId !== pointerId) return;
      const at = this.local(event);
      if (this.touches.size === 2) this.pinch(pointerId, at);
      this.touches.set(pointerId, at);
      moved(at);
    };
    const up = (event: PointerEvent) => {
      if (event.pointerId !== pointerId) return;
      this.touches.delete(pointerId);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      ended(this.local(event), event);
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

  /** One of two fingers has moved: zoom by what they are further apart, about their middle. */
  private pinch(id: number, after: Place): void {
    const before = this.touches.get(id);
    const other = [...this.touches].find(([key]) => key !== id)?.[1];
    if (!before || !other || !this.pinched) return;
    const apart = (place: Place) => Math.hypot(place.x - other.x, place.y - other.y) || 1;
    const middle = (place: Place) => ({ x: (place.x + other.x) / 2, y: (place.y + other.y) / 2 });
    const [from, to] = [middle(before), middle(after)];
    this.stage.pan(to.x - from.x, to.y - from.y);
    this.zoomAt(this.pinched, to, apart(after) / apart(before));
    this.stage.draw();
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
