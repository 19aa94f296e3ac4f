/** The viewports: which image hangs where, and what the pointer does there. */

import * as api from "./api";
import { clear, h, svg } from "./dom";
import { Renderer, type Pane } from "./renderer";
import type { Box, Hanging, ImageTold, Prior, Task } from "./types";
import { FULL, View } from "./view";

export type Tool = "window" | "pan" | "zoom" | "ruler" | "box";
export type Layout = "all" | "row" | "cc" | "mlo" | "right" | "left" | "single";

export interface Shape {
  id: string;
  image: string;
  box: Box;
  kind: "malignant" | "benign" | "unclassified" | "own" | "rejected";
  badge: string;
  title: string;
  dashed?: boolean;
}

export interface Ruler {
  image: string;
  from: [number, number];
  to: [number, number];
}

interface Port {
  element: HTMLElement;
  overlay: SVGSVGElement;
  view: View | null;
  pane: Pane | null;
}

export interface Listener {
  picked(id: string): void;
  drawn(image: string, box: Box): void;
  moved(id: string, box: Box): void;
  changed(): void;
}

const HANDLE = 9;

export class Stage {
  readonly element = h("div", { class: "stage", role: "region", "aria-label": "Images" });
  readonly renderer = new Renderer();
  tool: Tool = "window";
  layout: Layout = "all";
  linked = true;
  magnifying = false;
  contrast = false;
  showsPriors = false;
  swapped = false;
  shapes: Shape[] = [];
  selected: string | null = null;
  /** The finding of the other view that may be the same as the selected one. */
  twin: string | null = null;
  editing: string | null = null;
  rulers: Ruler[] = [];
  active = 0;

  private readonly ports: Port[] = [];
  private readonly grid = h("div", { class: "ports" });
  private readonly views = new Map<string, View>();
  private readonly magnifier = h("div", { class: "magnifier", hidden: true });
  private pointer: { x: number; y: number } | null = null;
  private readonly touches = new Map<number, { x: number; y: number }>();
  private draft: { port: Port; box: Box } | null = null;
  private readonly observer = new ResizeObserver(() => this.measure());

  constructor(
    readonly task: Task,
    private readonly listener: Listener,
  ) {
    this.element.append(this.renderer.canvas, this.grid, this.magnifier);
    for (const image of [...task.images, ...task.priors.flatMap((prior) => prior.images)])
      this.views.set(image.key, new View(image));
    this.observer.observe(this.element);
    this.renderer.onDrawn = (whole) => this.element.classList.toggle("loading", !whole);
  }

  close(): void {
    this.observer.disconnect();
    this.renderer.close();
  }

  /** Ask where the breasts lie, hang the images, and fit them. */
  async hang(): Promise<void> {
    this.arrange();
    await Promise.all(
      [...this.views.values()].map(async (view) => {
        try {
          view.hang(await api.outline(view.image.key));
        } catch (error) {
          this.problem(view.image.key, error instanceof Error ? error.message : String(error));
        }
      }),
    );
    this.fit();
  }

  view(image: string): View | undefined {
    return this.views.get(image);
  }

  get activeView(): View | null {
    return this.ports[this.active]?.view ?? null;
  }

  get shown(): View[] {
    return this.ports.flatMap((port) => (port.view ? [port.view] : []));
  }

  setLayout(layout: Layout, image?: string): void {
    if (layout === "single" && image) this.single = image;
    this.layout = layout;
    this.arrange();
    this.fit();
    this.listener.changed();
  }

  private single: string | null = null;

  /** Make the viewports of the layout. */
  private arrange(): void {
    const columns = this.columns();
    this.ports.length = 0;
    const rows = Math.max(1, ...columns.map((column) => column.length));
    this.grid.style.gridTemplateColumns = `repeat(${columns.length}, minmax(0, 1fr))`;
    this.grid.style.gridTemplateRows = `repeat(${rows}, minmax(0, 1fr))`;
    this.grid.style.gridAutoFlow = "column";
    const cells = columns.flatMap((column) =>
      Array.from({ length: rows }, (_, row) => this.port(column[row] ?? null)),
    );
    clear(this.grid, ...cells);
    this.active = Math.min(this.active, Math.max(0, this.ports.length - 1));
    this.measure();
    this.mark();
  }

  /** Keys of images column by column; null for a view that is missing. */
  private columns(): (string | null)[][] {
    const { layout, task } = this;
    const prior = this.showsPriors && layout !== "single" ? task.priors[0] : undefined;
    const columns =
      prior || layout === "row"
        ? sideBySide(task.hanging, layout, prior)
        : hangingColumns(task.hanging, layout, this.single);
    return this.swapped ? swapped(columns) : columns;
  }

  private port(key: string | null): HTMLElement {
    const view = key ? (this.views.get(key) ?? null) : null;
    const overlay = svg("svg", { class: "overlay", "aria-hidden": "true" });
    const element = h("div", { class: "port", tabindex: view ? 0 : null });
    const port: Port = { element, overlay, view, pane: null };
    if (!view) {
      element.classList.add("empty");
      element.append(h("span", { class: "none" }, "no image of this view"));
      return element;
    }
    const number = this.ports.push(port) - 1;
    const { image } = view;
    element.dataset.image = image.key;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", `${label(image)}, ${image.name}`);
    const prior = this.task.priors.find((p) => p.images.some((i) => i.key === image.key));
    element.append(
      overlay,
      h("span", { class: "corner name" }, label(image), prior ? h("em", {}, ` prior ${prior.date ?? ""}`) : null),
      h("span", { class: "corner facts" }),
      h("span", { class: "corner warning", role: "status" }),
    );
    element.addEventListener("focus", () => this.activate(number));
    element.addEventListener("pointerdown", (event) => this.down(port, number, event));
    element.addEventListener("pointermove", (event) => this.hover(port, event));
    element.addEventListener("pointerleave", () => this.leave());
    element.addEventListener("wheel", (event) => this.wheel(port, event), { passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("dblclick", () => this.enlarge(image.key));
    return element;
  }

  enlarge(image: string): void {
    this.setLayout(this.layout === "single" ? "all" : "single", image);
  }

  activate(number: number): void {
    this.active = number;
    this.mark();
    this.listener.changed();
  }

  private mark(): void {
    this.ports.forEach((port, n) => port.element.classList.toggle("active", n === this.active));
  }

  problem(image: string, message: string): void {
    const port = this.ports.find((p) => p.view?.image.key === image);
    const place = port?.element.querySelector(".warning");
    if (place) place.textContent = message;
  }

  private measure(): void {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    const origin = this.element.getBoundingClientRect();
    const grew: View[] = [];
    for (const port of this.ports) {
      const { view } = port;
      if (!view) continue;
      const rect = port.element.getBoundingClientRect();
      const before = view.size.width;
      view.size = { width: rect.width, height: rect.height };
      if (before !== rect.width) grew.push(view);
      port.pane = { view, x: rect.left - origin.left, y: rect.top - origin.top };
    }
    this.renderer.resize(width, height);
    if (grew.length) this.fit();
    this.draw();
  }

  draw(): void {
    this.renderer.panes = this.ports.flatMap((port) => (port.pane ? [port.pane] : []));
    this.magnify();
    for (const port of this.ports) this.decorate(port);
    this.renderer.draw();
  }

  /** Fit the breasts, all at one scale where they can be compared. */
  fit(whole = false): void {
    const views = this.shown;
    const known = views.every((view) => view.image.spacing_mm) || views.every((v) => !v.image.spacing_mm);
    const least = Math.min(...views.map((view) => view.fitting(whole)));
    for (const view of views) view.place(known ? least : view.fitting(whole), whole);
    this.draw();
  }

  oneToOne(): void {
    const view = this.activeView;
    if (!view) return;
    this.each(view, (v) => v.zoom(1 / devicePixelRatio / v.scale));
  }

  zoom(factor: number): void {
    const view = this.activeView;
    if (view) this.each(view, (v) => v.zoom(factor));
  }

  /** Linked views move as the breasts do: the other side mirrored. */
  pan(dx: number, dy: number): void {
    const view = this.activeView;
    if (!view) return;
    for (const other of this.linked ? this.shown : [view])
      other.pan(sideOf(other) === sideOf(view) ? dx : -dx, dy);
    this.draw();
  }

  /** Do something to a view, and to the others where they are linked. */
  private each(view: View, act: (view: View) => void): void {
    for (const other of this.linked ? this.shown : [view]) act(other);
    this.draw();
  }

  window(dx: number, dy: number): void {
    for (const view of this.linked ? this.shown : this.activeView ? [this.activeView] : []) {
      const { center, width, invert } = view.grey;
      view.grey = {
        invert,
        width: Math.min(Math.max(width + dx / 400, 0.01), 2),
        center: Math.min(Math.max(center + dy / 400, -0.5), 1.5),
      };
    }
    this.draw();
    this.listener.changed();
  }

  invert(): void {
    const invert = !this.activeView?.grey.invert;
    for (const view of this.views.values()) view.grey = { ...view.grey, invert };
    this.draw();
    this.listener.changed();
  }

  resetGrey(): void {
    this.contrast = false;
    for (const view of this.views.values()) view.grey = { ...FULL };
    this.draw();
    this.listener.changed();
  }

  /** Each image's own window, or the same full one for all. */
  toggleContrast(on = !this.contrast): void {
    this.contrast = on;
    for (const view of this.views.values())
      view.grey = on ? view.contrast : { ...FULL, invert: view.grey.invert };
    this.draw();
    this.listener.changed();
  }

  /** Bring a place into sight, whatever the layout. */
  focus(image: string, box: Box): void {
    const view = this.views.get(image);
    if (!view) return;
    const place = () => this.ports.findIndex((port) => port.view === view);
    if (place() < 0) {
      this.single = image;
      this.layout = this.layout === "single" ? "single" : "all";
      this.arrange();
      this.fit();
    }
    if (place() >= 0) this.activate(place());
    const [x0, y0, x1, y1] = view.boxToScreen(box);
    const inside = x0 >= 0 && y0 >= 0 && x1 <= view.size.width && y1 <= view.size.height;
    if (!inside) view.center(box);
    this.draw();
  }

  toggleMagnifier(on = !this.magnifying): void {
    this.magnifying = on;
    this.draw();
    this.listener.changed();
  }

  /** A round look at the pixels under the pointer, drawn as one more pane on top. */
  private magnify(): void {
    const at = this.pointer;
    const port = at && this.magnifying ? this.under(at.x, at.y) : undefined;
    this.magnifier.hidden = !port;
    if (!at || !port?.view || !port.pane) return;
    const side = Math.min(300, this.element.clientWidth / 3);
    const view = new View(port.view.image);
    view.flip = port.view.flip;
    view.grey = port.view.grey;
    view.size = { width: side, height: side };
    view.scale = Math.max(port.view.scale * 2.5, 1 / devicePixelRatio);
    [view.x, view.y] = port.view.toImage(at.x - port.pane.x, at.y - port.pane.y);
    const x = Math.min(Math.max(at.x - side / 2, 0), this.element.clientWidth - side);
    const y = Math.min(Math.max(at.y - side / 2, 0), this.element.clientHeight - side);
    this.renderer.panes.push({ view, x, y });
    Object.assign(this.magnifier.style, {
      left: `${x}px`,
      top: `${y}px`,
      width: `${side}px`,
      height: `${side}px`,
    });
  }

  /** Marks are drawn above the canvas: what lies under the magnifier would be seen through it. */
  private isUnderMagnifier({ pane }: Port, [x0, y0, x1, y1]: Box): boolean {
    if (this.magnifier.hidden || !pane) return false;
    const { offsetLeft: left, offsetTop: top, offsetWidth: width, offsetHeight: height } = this.magnifier;
    return x1 + pane.x > left && x0 + pane.x < left + width && y1 + pane.y > top && y0 - 20 + pane.y < top + height;
  }

  private under(x: number, y: number): Port | undefined {
    return this.ports.find(
      ({ pane, view }) =>
        pane && view && x >= pane.x && y >= pane.y && x < pane.x + view.size.width && y < pane.y + view.size.height,
    );
  }

  private local(event: PointerEvent | WheelEvent): { x: number; y: number } {
    const rect = this.element.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  }

  private hover(port: Port, event: PointerEvent): void {
    this.pointer = this.local(event);
    if (this.magnifying) this.draw();
    else this.facts(port);
  }

  private leave(): void {
    this.pointer = null;
    if (this.magnifying) this.draw();
  }

  private wheel(port: Port, event: WheelEvent): void {
    event.preventDefault();
    const { view, pane } = port;
    if (!view || !pane) return;
    const at = this.local(event);
    const factor = Math.exp(-event.deltaY / 400);
    const [sx, sy] = [at.x - pane.x, at.y - pane.y];
    for (const other of this.linked ? this.shown : [view]) {
      // The same place of the breast: mirrored on the other side.
      const mirrored = sideOf(other) === sideOf(view) ? sx : view.size.width - sx;
      other.zoom(factor, (mirrored / view.size.width) * other.size.width, (sy / view.size.height) * other.size.height);
    }
    this.draw();
  }

  private down(port: Port, number: number, event: PointerEvent): void {
    const { view, pane } = port;
    if (!view || !pane) return;
    this.activate(number);
    port.element.setPointerCapture(event.pointerId);
    const start = this.local(event);
    this.touches.set(event.pointerId, start);
    const [sx, sy] = [start.x - pane.x, start.y - pane.y];
    const grip = this.grip(view, sx, sy);
    const tool = event.button === 1 || event.shiftKey ? "pan" : event.button === 2 ? "window" : this.tool;
    let last = start;
    const [ix, iy] = view.toImage(sx, sy);
    const move = (moved: PointerEvent) => {
      const at = this.local(moved);
      const [dx, dy] = [at.x - last.x, at.y - last.y];
      this.touches.set(moved.pointerId, at);
      this.pointer = at;
      if (this.touches.size === 2) this.pinch(moved.pointerId, last, at);
      else if (grip) this.drag(view, grip, at.x - pane.x, at.y - pane.y);
      else if (tool === "window") this.window(dx, dy);
      else if (tool === "pan") this.pan(dx, dy);
      else if (tool === "zoom") this.zoom(Math.exp(-dy / 150));
      else {
        const [jx, jy] = view.toImage(at.x - pane.x, at.y - pane.y);
        if (tool === "ruler") this.rulers = [{ image: view.image.key, from: [ix, iy], to: [jx, jy] }];
        else this.draft = { port, box: within(view, [Math.min(ix, jx), Math.min(iy, jy), Math.max(ix, jx), Math.max(iy, jy)]) };
        this.draw();
      }
      last = at;
    };
    const up = (ended: PointerEvent) => {
      this.touches.delete(ended.pointerId);
      port.element.removeEventListener("pointermove", move);
      port.element.removeEventListener("pointerup", up);
      port.element.removeEventListener("pointercancel", up);
      const at = this.local(ended);
      const still = Math.hypot(at.x - start.x, at.y - start.y) < 4;
      const { draft } = this;
      this.draft = null;
      if (grip) {
        const shape = this.shapes.find((s) => s.id === this.editing);
        if (shape && !still) this.listener.moved(shape.id, shape.box);
      } else if (draft && !still) this.listener.drawn(view.image.key, draft.box);
      else if (still && event.button === 0) this.pick(view, sx, sy);
      this.draw();
    };
    port.element.addEventListener("pointermove", move);
    port.element.addEventListener("pointerup", up);
    port.element.addEventListener("pointercancel", up);
  }

  private pinch(id: number, before: { x: number; y: number }, after: { x: number; y: number }): void {
    const other = [...this.touches].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const apart = (p: { x: number; y: number }) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
    this.zoom(apart(after) / apart(before));
    this.pan((after.x - before.x) / 2, (after.y - before.y) / 2);
  }

  private pick(view: View, sx: number, sy: number): void {
    const [x, y] = view.toImage(sx, sy);
    const hit = this.shapes
      .filter((s) => s.image === view.image.key)
      .filter(({ box: [x0, y0, x1, y1] }) => x >= x0 && x <= x1 && y >= y0 && y <= y1)
      .sort((a, b) => area(a.box) - area(b.box))[0];
    if (hit) this.listener.picked(hit.id);
  }

  /** Which edges of the box that is being corrected lie under a point; all of them inside it. */
  private grip(view: View, sx: number, sy: number): { edges: string; at: Box; from: [number, number] } | null {
    const shape = this.shapes.find((s) => s.id === this.editing && s.image === view.image.key);
    if (!shape) return null;
    const [x0, y0, x1, y1] = view.boxToScreen(shape.box);
    if (sx < x0 - HANDLE || sx > x1 + HANDLE || sy < y0 - HANDLE || sy > y1 + HANDLE) return null;
    const near = (a: number, b: number) => Math.abs(a - b) <= HANDLE;
    const edges =
      (near(sx, x0) ? "w" : near(sx, x1) ? "e" : "") + (near(sy, y0) ? "n" : near(sy, y1) ? "s" : "");
    return { edges: edges || "all", at: [x0, y0, x1, y1], from: [sx, sy] };
  }

  private drag(view: View, grip: { edges: string; at: Box; from: [number, number] }, sx: number, sy: number): void {
    const shape = this.shapes.find((s) => s.id === this.editing);
    if (!shape) return;
    const [dx, dy] = [sx - grip.from[0], sy - grip.from[1]];
    const box: Box = [...grip.at];
    const all = grip.edges === "all";
    if (all || grip.edges.includes("w")) box[0] += dx;
    if (all || grip.edges.includes("e")) box[2] += dx;
    if (all || grip.edges.includes("n")) box[1] += dy;
    if (all || grip.edges.includes("s")) box[3] += dy;
    shape.box = within(view, view.boxToImage(box));
    this.draw();
  }

  /** Move or size the box that is being corrected by keys, in screen pixels. */
  nudge(dx: number, dy: number, sizing: boolean): boolean {
    const shape = this.shapes.find((s) => s.id === this.editing);
    const view = shape && this.views.get(shape.image);
    if (!shape || !view) return false;
    const [x0, y0, x1, y1] = view.boxToScreen(shape.box);
    shape.box = within(view, view.boxToImage(
      sizing ? [x0, y0, Math.max(x0 + 4, x1 + dx), Math.max(y0 + 4, y1 + dy)] : [x0 + dx, y0 + dy, x1 + dx, y1 + dy],
    ));
    this.draw();
    return true;
  }

  private decorate(port: Port): void {
    const { view, overlay } = port;
    if (!view) return;
    overlay.setAttribute("viewBox", `0 0 ${view.size.width} ${view.size.height}`);
    const marks = this.shapes
      .filter((s) => s.image === view.image.key && !this.isUnderMagnifier(port, view.boxToScreen(s.box)))
      .map((s) => this.shape(view, s));
    const rulers = this.rulers.filter((r) => r.image === view.image.key).map((r) => drawRuler(view, r));
    const draft = this.draft?.port === port ? [rectangle("draft", view.boxToScreen(this.draft.box))] : [];
    clear(overlay, ...marks, ...rulers, ...draft);
    this.facts(port);
  }

  private shape(view: View, shape: Shape): SVGElement {
    const box = view.boxToScreen(shape.box);
    const [x0, y0, x1, y1] = box;
    const chosen = shape.id === this.selected;
    const group = svg("g", {
      class: `mark ${shape.kind}${chosen ? " selected" : ""}${shape.id === this.twin ? " twin" : ""}${shape.dashed ? " dashed" : ""}`,
      "data-id": shape.id,
    });
    group.append(svg("title", {}, shape.title), rectangle("halo", box), rectangle("line", box));
    const width = 8 + 8 * shape.badge.length;
    const y = y0 > 20 ? y0 - 19 : y1 + 3;
    group.append(
      svg("rect", { class: "badge", x: x0 - 1, y, width, height: 16, rx: 3 }),
      svg("text", { x: x0 - 1 + width / 2, y: y + 12, "text-anchor": "middle" }, shape.badge),
    );
    if (shape.id === this.editing)
      for (const [x, y] of [[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
        group.append(svg("rect", { class: "handle", x: x - 4, y: y - 4, width: 8, height: 8 }));
    return group;
  }

  private facts(port: Port): void {
    const { view, element } = port;
    const place = element.querySelector(".facts");
    if (!view || !place) return;
    const zoom = Math.round(view.scale * devicePixelRatio * 100);
    const mirrored = view.flip ? " · mirrored" : "";
    place.textContent = `${zoom} %${mirrored}`;
  }
}

function sideOf(view: View): string {
  return view.image.laterality ?? "?";
}

export function label(image: ImageTold): string {
  const { laterality, view } = image;
  if (laterality && view) return `${laterality} ${view}`;
  if (laterality) return `${laterality}, view unknown`;
  if (view) return `${view}, side unknown`;
  return "side and view unknown";
}

/** The right breast at the left of the screen; images of unknown side in columns of their own. */
export function hangingColumns(hanging: Hanging, layout: Layout, single: string | null): (string | null)[][] {
  if (layout === "single" && single) return [[single]];
  const wanted = (view: string | null) =>
    layout === "cc" ? view === "CC" : layout === "mlo" ? view === "MLO" : true;
  const rows = hanging.rows.filter((row) => wanted(row.view));
  const right: (string | null)[] = [];
  const left: (string | null)[] = [];
  for (const row of rows)
    for (let n = 0; n < Math.max(row.R.length, row.L.length); n++) {
      right.push(row.R[n] ?? null);
      left.push(row.L[n] ?? null);
    }
  if (layout === "right" && right.some(Boolean)) return transposed(right);
  if (layout === "left" && left.some(Boolean)) return transposed(left);
  const columns: (string | null)[][] = rows.length ? [right, left] : [];
  if (hanging.loose.length && (layout === "all" || !rows.length)) {
    const many = Math.ceil(Math.sqrt(hanging.loose.length));
    for (let n = 0; n < hanging.loose.length; n += many) columns.push(hanging.loose.slice(n, n + many));
  }
  return columns.length ? columns : hangingColumns(hanging, "all", null);
}

function transposed(keys: (string | null)[]): (string | null)[][] {
  return keys.map((key) => [key]);
}

/** Pairs of one view beside each other, the prior's images of the same view below each. */
export function sideBySide(hanging: Hanging, layout: Layout, prior: Prior | undefined): (string | null)[][] {
  const only = { cc: "CC", mlo: "MLO" }[layout as string];
  const sides = layout === "right" ? (["R"] as const) : layout === "left" ? (["L"] as const) : (["R", "L"] as const);
  const columns: (string | null)[][] = [];
  for (const row of hanging.rows.filter((each) => !only || each.view === only)) {
    const older = prior?.hanging.rows.find((each) => each.view === row.view);
    for (let n = 0; n < Math.max(...sides.map((side) => row[side].length), 1); n++)
      for (const side of sides)
        columns.push([row[side][n] ?? null, ...(prior ? [older?.[side][n] ?? null] : [])]);
  }
  for (const key of only ? [] : hanging.loose) columns.push(prior ? [key, null] : [key]);
  return columns.length ? columns : hangingColumns(hanging, "all", null);
}

/** The left breast at the left: columns change places two by two. */
function swapped(columns: (string | null)[][]): (string | null)[][] {
  return columns.flatMap((_, n) => (n % 2 ? [] : columns.slice(n, n + 2).reverse()));
}

function rectangle(css: string, [x0, y0, x1, y1]: Box): SVGElement {
  return svg("rect", { class: css, x: x0, y: y0, width: Math.max(1, x1 - x0), height: Math.max(1, y1 - y0) });
}

/** Millimetres where the spacing is known, else pixels: a length is never guessed. */
export function length(image: ImageTold, from: [number, number], to: [number, number]): string {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  if (!image.spacing_mm) return `${Math.hypot(dx, dy).toFixed(0)} px`;
  const [down, along] = image.spacing_mm;
  return `${Math.hypot(dx * along, dy * down).toFixed(1)} mm`;
}

function drawRuler(view: View, ruler: Ruler): SVGElement {
  const [x0, y0] = view.toScreen(...ruler.from);
  const [x1, y1] = view.toScreen(...ruler.to);
  const line = { x1: x0, y1: y0, x2: x1, y2: y1 };
  return svg(
    "g",
    { class: "ruler" },
    svg("line", { class: "halo", ...line }),
    svg("line", { class: "line", ...line }),
    svg("text", { x: x1 + 8, y: y1 - 6 }, length(view.image, ruler.from, ruler.to)),
  );
}

function within(view: View, [x0, y0, x1, y1]: Box): Box {
  const { columns, rows } = view.image;
  const clamp = (v: number, most: number) => Math.round(Math.min(Math.max(v, 0), most) * 100) / 100;
  return [clamp(x0, columns), clamp(y0, rows), clamp(x1, columns), clamp(y1, rows)];
}

function area([x0, y0, x1, y1]: Box): number {
  return (x1 - x0) * (y1 - y0);
}
