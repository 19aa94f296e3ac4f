/** The viewports: which image hangs where, and what the pointer does there. */

import * as api from "./api";
import { clear, h, svg } from "./dom";
import { hangingColumns, label, sideBySide, type Columns, type Layout } from "./hanging";
import { drawRuler, drawShape, rectangle, within, type Ruler, type Shape } from "./overlay";
import { Pointer, type Place } from "./pointer";
import { Renderer, type Pane } from "./renderer";
import type { Box, Task } from "./types";
import { FULL, View } from "./view";

export type Tool = "window" | "pan" | "zoom" | "ruler" | "box";

export interface Port {
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

export class Stage {
  readonly element = h("div", { class: "stage", role: "region", "aria-label": "Images" });
  readonly renderer = Renderer.take();
  tool: Tool = "window";
  layout: Layout = "all";
  linked = true;
  magnifying = false;
  contrast = false;
  showsPriors = false;
  /** The left breast at the left: sides change places and are mirrored, so that chest walls stay together. */
  swapped = false;
  shapes: Shape[] = [];
  selected: string | null = null;
  /** The finding of the other view that may be the same as the selected one. */
  twin: string | null = null;
  editing: string | null = null;
  rulers: Ruler[] = [];
  /** A box that is being drawn. */
  draft: { port: Port; box: Box } | null = null;
  active = 0;

  private readonly ports: Port[] = [];
  private readonly grid = h("div", { class: "ports" });
  private readonly views = new Map<string, View>();
  private readonly magnifier = h("div", { class: "magnifier", hidden: true });
  private pointer: Place | null = null;
  private readonly hands = new Pointer(this);
  private readonly stop = new AbortController();
  /** Whether the reader has moved or sized an image: nothing jumps from there on. */
  touched = false;
  private readonly observer = new ResizeObserver(() => this.measure());

  constructor(
    readonly task: Task,
    readonly listener: Listener,
  ) {
    this.element.append(this.renderer.canvas, this.grid, this.magnifier);
    for (const image of [...task.images, ...task.priors.flatMap((prior) => prior.images)])
      this.views.set(image.key, new View(image));
    this.observer.observe(this.element);
    this.renderer.onDrawn = (whole) => this.element.classList.toggle("loading", !whole);
  }

  close(): void {
    this.stop.abort();
    this.observer.disconnect();
    this.renderer.close();
  }

  /** Ask where the breasts lie, hang the images, and fit them. */
  async hang(): Promise<void> {
    this.arrange();
    const own = this.task.images.flatMap(({ key }) => this.views.get(key) ?? []);
    await Promise.all(own.map((view) => this.outline(view)));
    // Priors come after what is read now.
    void Promise.all([...this.views.values()].filter((view) => !own.includes(view)).map((view) => this.outline(view)));
  }

  /** Hang an image as its outline says as soon as that is known, whatever the others take. */
  private async outline(view: View): Promise<void> {
    try {
      view.hang(await api.outline(view.image.key, this.stop.signal));
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.problem(view.image.key, error instanceof Error ? error.message : String(error));
    }
    view.settled = true;
    if (!this.touched && this.shown.includes(view)) this.fit();
    else this.draw();
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

  swap(): void {
    const { activeView } = this;
    this.swapped = !this.swapped;
    for (const view of this.views.values()) view.mirrored = this.swapped && view.image.laterality !== null;
    this.setLayout(this.layout);
    this.activate(Math.max(0, this.ports.findIndex(({ view }) => view === activeView)));
  }

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
  private columns(): Columns {
    const { layout, task } = this;
    const prior = this.showsPriors && layout !== "single" ? task.priors[0] : undefined;
    return prior || layout === "row"
      ? sideBySide(task.hanging, layout, prior, this.swapped)
      : hangingColumns(task.hanging, layout, this.single, this.swapped);
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
    this.hands.attach(port, number);
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
    // What is looked at comes into the middle: that of the viewport may well be black.
    const chosen = this.shapes.find((shape) => shape.id === this.selected);
    this.each(view, (v) => {
      if (chosen?.image === v.image.key) v.center(chosen.box);
      else [v.x, v.y] = v.middle;
      v.scale = 1 / devicePixelRatio;
    });
  }

  zoom(factor: number): void {
    const view = this.activeView;
    if (view) this.each(view, (v) => v.zoom(factor, ...v.toScreen(...v.middle)));
  }

  /** Linked views move as the breasts do: the other side mirrored. */
  pan(dx: number, dy: number): void {
    const view = this.activeView;
    if (!view) return;
    this.touched = true;
    for (const other of this.together(view))
      other.pan(sideOf(other) === sideOf(view) ? dx : -dx, dy);
    this.draw();
  }

  /** Do something to a view, and to the others where they are linked. */
  private each(view: View, act: (view: View) => void): void {
    this.touched = true;
    for (const other of this.together(view)) act(other);
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
    view.mirrored = port.view.flip;
    view.grey = port.view.grey;
    view.settled = port.view.settled;
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

  /** The pointer is at a place of the stage, or has left. */
  hover(port: Port, at: Place | null): void {
    this.pointer = at;
    if (this.magnifying) this.draw();
    else this.facts(port);
  }

  /** The views that move with one: all, where they are linked. */
  together(view: View): View[] {
    return this.linked ? this.shown : [view];
  }

  /** The mark whose box is being corrected. */
  get edited(): Shape | undefined {
    return this.shapes.find((shape) => shape.id === this.editing);
  }

  /** Move or size the box that is being corrected by keys, in screen pixels. */
  nudge(dx: number, dy: number, sizing: boolean): boolean {
    const shape = this.edited;
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
      .map((s) => drawShape(view, s, this));
    const rulers = this.rulers.filter((r) => r.image === view.image.key).map((r) => drawRuler(view, r));
    const draft = this.draft?.port === port ? [rectangle("draft", view.boxToScreen(this.draft.box))] : [];
    clear(overlay, ...marks, ...rulers, ...draft);
    this.facts(port);
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

export function sideOf(view: View): string {
  return view.image.laterality ?? "?";
}

