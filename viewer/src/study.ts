/** One study: images, findings, and what the reader says. */

import * as api from "./api";
import { CloseUp } from "./closeup";
import { clear, h } from "./dom";
import { label } from "./hanging";
import type { Command } from "./keys";
import { overlap, within, type Shape } from "./overlay";
import { Panel, type Item } from "./panel";
import { Review } from "./review";
import { Stage, type Tool } from "./stage";
import { LAYOUTS, TOOLS, toolbar, type Switch } from "./toolbar";
import { Warm } from "./warm";
import type { Box, Mark, Me, Merged, Task, Voice } from "./types";

const LOOK_EVERY_MS = 5000;

const MODES = {
  beside: "beside the model",
  independent: "own read first",
  blinded: "blinded, no model",
} as const;

export class StudyPage {
  readonly element = h("main", { class: "study" });
  private readonly stage: Stage;
  private readonly review: Review;
  private readonly panel: Panel;
  private readonly closeup = new CloseUp();
  private readonly toolbar = h("div", { class: "toolbar", role: "toolbar", "aria-label": "Tools" });
  private readonly notice = h("p", { class: "toast", role: "status", hidden: true });
  private readonly came = h("p", { class: "toast came", role: "status", hidden: true }, "Images have come to this study. ",
    h("button", { type: "button", click: () => this.reload() }, "Show them"));
  private generation: number | null = null;
  private readonly clock = setInterval(() => void this.look(), LOOK_EVERY_MS);
  private readonly warm = new Warm();
  private threshold: number;
  private marksShown = true;
  private heat = false;
  private selected: string | null = null;

  constructor(
    me: Me,
    private readonly task: Task,
    private readonly go: (key: string | null) => void,
    private readonly reload: (message?: string) => void,
  ) {
    this.threshold = task.model?.threshold ?? 0;
    this.review = new Review(task);
    this.stage = new Stage(task, {
      picked: (id) => this.select(id),
      drawn: (image, box) => void this.add(image, box),
      moved: (id, box) => this.moved(id, box),
      changed: () => this.tools(),
    });
    this.stage.renderer.onProblem = (message) => this.say(message);
    this.panel = new Panel(me, task, this.review, {
      select: (id) => this.select(id),
      answer: (item, origin) => void this.answer(item, origin),
      correct: (item) => this.correct(item),
      remove: (mark) => void this.remove(mark),
      take: (merged, voice) => void this.take(merged, voice),
      threshold: (value) => this.setThreshold(value),
      toggleHeat: () => this.toggleHeat(),
      finish: (kind) => void this.finish(kind),
    }, this.closeup.element);
    this.review.onChange = () => this.refresh();
    this.review.onProblem = (message) => this.say(message);
    this.review.onStale = (message) => this.reload(message);
    this.element.append(this.toolbar, h("div", { class: "room" }, this.stage.element, this.panel.element), this.notice, this.came);
    this.tools();
  }

  async start(): Promise<void> {
    this.refresh();
    // Images that came since the read was opened are in it from here on.
    if (this.review.open && this.review.isNew) void this.review.shown("open");
    await this.stage.hang();
    this.element.dataset.ready = "true";
    this.warm.ask(this.task.ahead, 1000);
  }

  close(): void {
    clearInterval(this.clock);
    this.review.close();
    this.stage.close();
    this.closeup.close();
    this.warm.close();
  }

  /** Whether images have come to this study; nothing is asked while nobody looks. */
  private async look(): Promise<void> {
    if (document.hidden || !this.came.hidden) return;
    try {
      const { generation } = await api.generation();
      if (generation === this.generation) return;
      const known = new Set(this.task.images.map((image) => image.key));
      const { images } = await api.task(this.task.key);
      this.came.hidden = images.every((image) => known.has(image.key));
      this.generation = generation;
    } catch {
      // What cannot be asked now is asked again; a step that fails will be told.
    }
  }

  say(message: string): void {
    this.notice.textContent = message;
    this.notice.hidden = !message;
    if (message) setTimeout(() => (this.notice.hidden = true), 6000);
  }

  /** The model's findings from the threshold up, most suspicious first, and the reader's own marks. */
  private items(): Item[] {
    const { model } = this.task;
    const items: Item[] = [];
    for (const image of this.task.images) {
      for (const finding of model?.findings[image.key] ?? [])
        if (finding.score >= this.threshold)
          items.push({
            id: `f-${image.key}-${finding.number}`,
            badge: String(finding.number),
            image,
            finding,
            merged: null,
            mark: this.review.answer(image.key, finding) ?? null,
            box: finding.box_px,
          });
    }
    items.sort((a, b) => weight(b) - weight(a));
    let people = 0;
    const badge = () => `M${(people += 1)}`;
    for (const mark of this.review.read.marks)
      if (mark.finding === null) {
        const image = this.task.images.find((i) => i.key === mark.image);
        if (image) items.push({ id: `m-${mark.id}`, badge: badge(), image, finding: null, merged: null, mark, box: mark.box });
      }
    this.task.merged.forEach((merged, n) => {
      const image = this.task.images.find((i) => i.key === merged.image);
      const taken = this.review.read.marks.some((mark) => mark.origin === "merged" && mark.image === merged.image && overlap(mark.box, merged.box) > 0.3);
      if (image && !taken) items.push({ id: `g-${n}`, badge: badge(), image, finding: null, merged, mark: null, box: merged.box });
    });
    for (const item of items) if (item.mark && item.mark.origin === "corrected") item.box = item.mark.box;
    return items;
  }

  private refresh(): void {
    const items = this.items();
    if (!items.some((item) => item.id === this.selected)) this.selected = null;
    this.stage.selected = this.selected;
    this.stage.twin = this.twin(items);
    const editing = this.stage.editing;
    const held = this.stage.shapes.find((shape) => shape.id === editing);
    this.stage.shapes = this.marksShown ? [...items.map((item) => this.shape(item)), ...this.voices(items)] : [];
    // A box that is being moved stays where it was moved to.
    const again = this.stage.shapes.find((shape) => shape.id === editing);
    if (held && again) again.box = held.box;
    this.stage.draw();
    this.panel.show(items, this.selected, this.threshold, this.heat);
    const chosen = items.find((item) => item.id === this.selected);
    if (chosen) this.showCloseUp(chosen);
  }

  /** What a link between the views leads to from the selected finding. */
  private twin(items: Item[]): string | null {
    const chosen = items.find((item) => item.id === this.selected);
    for (const { images, findings } of this.task.model?.links ?? [])
      for (const [here, there] of [[0, 1], [1, 0]])
        if (chosen?.image.key === images[here] && chosen.finding?.number === findings[here])
          return `f-${images[there]}-${findings[there]}`;
    return null;
  }

  private shape(item: Item): Shape {
    const { finding, mark } = item;
    return {
      id: item.id,
      image: item.image.key,
      box: [...item.box],
      kind: this.kind(item),
      badge: item.badge + (mark && finding ? SIGNS[mark.origin] : ""),
      title: `${item.badge}: ${label(item.image)}`,
      dashed: finding !== null && finding.score < (this.task.model?.threshold ?? 0),
    };
  }

  /** Each reader's own box of the place that is chosen. */
  private voices(items: Item[]): Shape[] {
    const chosen = items.find((item) => item.id === this.selected);
    if (!chosen?.merged || chosen.merged.voices.length < 2) return [];
    return chosen.merged.voices.map((voice, n) => ({
      id: `v-${n}-${chosen.id}`, image: chosen.image.key, box: [...voice.box], kind: "others",
      badge: voice.reader, title: `${voice.reader} (${voice.mode})`, dashed: true, below: n,
    }));
  }

  /** What readers have marked becomes a mark of the adjudicator's: of all of them, or of one. */
  private async take(merged: Merged, voice?: Voice): Promise<void> {
    if (!this.review.open) return;
    const { label: said, birads, rating, box } = voice ?? merged;
    const id = api.identifier();
    const readers = voice ? [voice.reader] : [...new Set(merged.voices.map((each) => each.reader))];
    await this.review.mark({
      id, image: merged.image, box, origin: "merged", finding: null, label: said, birads, rating,
      text: voice?.text ?? "", after_model: false, readers,
    });
    this.select(`m-${id}`);
  }

  private kind({ finding, mark, merged }: Item): Shape["kind"] {
    if (merged) return "others";
    if (mark?.origin === "rejected") return "rejected";
    if (!finding) return "own";
    const limit = this.task.model?.malignant_threshold;
    if (finding.p_malignant === null || limit === null || limit === undefined) return "unclassified";
    return finding.p_malignant >= limit ? "malignant" : "benign";
  }

  private showCloseUp({ image, box, finding }: Item): void {
    const view = this.stage.view(image.key);
    const url = finding?.heat && this.heat ? api.heat(this.task.key, image.key, finding.number) : null;
    this.closeup.show(
      image, box, view?.flip ?? false, { ...(view?.grey ?? { center: 0.5, width: 1, invert: false }) },
      url && finding?.heat ? { url, box: finding.heat } : null,
    );
  }

  private select(id: string | null): void {
    id = id?.replace(/^v-\d+-/, "") ?? null;
    if (this.stage.editing && this.stage.editing !== id) this.stage.editing = null;
    this.selected = id;
    const item = this.items().find((each) => each.id === id);
    if (item) this.stage.focus(item.image.key, item.box);
    this.refresh();
  }

  private turn(by: number): void {
    const items = this.items();
    if (!items.length) return;
    const place = items.findIndex((item) => item.id === this.selected);
    const next = place < 0 ? (by > 0 ? 0 : items.length - 1) : (place + by + items.length) % items.length;
    this.select(items[next].id);
  }

  private chosen(): Item | undefined {
    return this.items().find((item) => item.id === this.selected);
  }

  private async answer(item: Item, origin: Mark["origin"]): Promise<void> {
    if (!item.finding || !this.review.open) return;
    this.stage.editing = null;
    await this.review.mark(this.review.answerTo(item.image.key, item.finding, origin));
  }

  /** Let the box of a finding or of an own mark be moved. */
  private correct(item: Item): void {
    if (!this.review.open || item.merged || (item.mark && !item.finding && !this.review.free(item.mark))) return;
    this.selected = item.id;
    this.stage.editing = this.stage.editing === item.id ? null : item.id;
    this.refresh();
  }

  private moved(id: string, box: Box): void {
    const item = this.items().find((each) => each.id === id);
    if (!item) return;
    if (item.finding) {
      const mark = this.review.answerTo(item.image.key, item.finding, "corrected");
      void this.review.mark({ ...mark, box });
    } else if (item.mark) void this.review.mark({ ...item.mark, box });
  }

  private async add(image: string, box: Box): Promise<void> {
    if (!this.review.open || box[2] - box[0] < 1 || box[3] - box[1] < 1) return;
    if (!this.task.images.some((each) => each.key === image))
      return this.say("Marks are set on this study, not on a prior one.");
    const id = api.identifier();
    this.selected = `m-${id}`;
    await this.review.mark({
      id, image, box, origin: "own", finding: null, label: null, birads: null, rating: null, text: "",
      after_model: false, readers: [],
    });
    this.select(`m-${id}`);
  }

  /** A box in the middle of the active image, to be moved by keys. */
  private async addByKey(): Promise<void> {
    const view = this.stage.activeView;
    if (!view) return;
    const [x, y] = view.toScreen(...view.middle);
    const half = Math.min(view.size.width, view.size.height) / 12;
    await this.add(view.image.key, within(view, view.boxToImage([x - half, y - half, x + half, y + half])));
    const item = this.chosen();
    if (item) this.correct(item);
  }

  private async remove(mark: Mark): Promise<void> {
    this.stage.editing = null;
    await this.review.unmark(mark.id);
  }

  private setThreshold(value: number): void {
    this.threshold = Math.min(Math.max(value, 0), 1);
    this.refresh();
  }

  private toggleHeat(): void {
    this.heat = !this.heat;
    this.refresh();
  }

  private async finish(kind: "save" | "sign" | "reopen"): Promise<void> {
    const before = this.review.read.state;
    if (kind === "reopen") await this.review.step(kind);
    else await this.review.shown(kind, { seconds: this.review.seconds });
    if (this.review.read.state === before) return;
    if (kind === "save") this.reload();
    else if (kind === "sign") this.go(this.task.next);
  }

  private nudge(x: number, y: number, event: KeyboardEvent): void {
    if (this.stage.nudge(3 * x, 3 * y, event.shiftKey)) return;
    if (event.altKey) this.stage.window(20 * x, 20 * y);
    else this.stage.pan(-40 * x, -40 * y);
  }

  private settle(): void {
    const { editing } = this.stage;
    const shape = this.stage.shapes.find((each) => each.id === editing);
    this.stage.editing = null;
    if (shape) this.moved(shape.id, shape.box);
    else if (this.stage.activeView) this.stage.enlarge(this.stage.activeView.image.key);
  }

  private escape(): void {
    if (this.stage.editing) this.stage.editing = null;
    else if (this.stage.magnifying) this.stage.toggleMagnifier(false);
    else if (this.stage.rulers.length) this.stage.rulers = [];
    else if (this.stage.layout !== "all") return this.stage.setLayout("all");
    else return this.go(null);
    this.refresh();
  }

  private toggle(what: Switch): void {
    const { stage } = this;
    if (what === "marks") this.marksShown = !this.marksShown;
    else if (what === "links") stage.linked = !stage.linked;
    else if (what === "swap") stage.swap();
    else if (what === "screen") {
      if (document.fullscreenElement) void document.exitFullscreen();
      else void this.element.requestFullscreen().catch(() => this.say("This browser allows no full screen."));
    } else {
      stage.showsPriors = !stage.showsPriors && this.task.priors.length > 0;
      stage.setLayout(stage.layout);
    }
    this.tools();
    this.refresh();
  }

  private tools(): void {
    const state = { stage: this.stage, marks: this.marksShown, priors: this.task.priors.length > 0, open: this.review.open };
    clear(this.toolbar, ...toolbar(state, (tool) => this.use(tool), (what) => this.toggle(what)));
  }

  /** Whose study it is and how it is read, for the head of the page. */
  banner(): HTMLElement {
    const { task } = this;
    return h(
      "span",
      { class: "banner" },
      h("span", { class: "who" }, task.patient ?? "patient unknown"),
      h("span", { class: `tag mode-${task.mode}` }, MODES[task.mode]),
    );
  }

  private use(tool: Tool): void {
    this.stage.tool = tool;
    this.stage.element.dataset.tool = tool;
    this.tools();
  }

  commands(): Command[] {
    const { stage } = this;
    const arrows: [string, number, number][] = [["ArrowLeft", -1, 0], ["ArrowRight", 1, 0], ["ArrowUp", 0, -1], ["ArrowDown", 0, 1]];
    const answering = (origin: Mark["origin"]) => () => {
      const item = this.chosen();
      if (item?.merged && origin === "accepted") void this.take(item.merged);
      else if (item) void this.answer(item, origin);
    };
    const view = "View";
    const finding = "Findings and marks";
    return [
      ...TOOLS.map(([name, key, text]): Command => ({ keys: [key], what: `${text}: what dragging does`, group: "Tools", run: () => this.use(name) })),
      ...LAYOUTS.map(([name, key, text]): Command => ({ keys: [key], what: `Show ${text}`, group: "Layout", run: () => stage.setLayout(name) })),
      { keys: ["Enter"], what: "One image large, and back; or: the box is right", group: "Layout", run: () => this.settle() },
      { keys: ["o"], what: "Prior study below", group: "Layout", run: () => this.toggle("priors") },
      { keys: ["s"], what: "Sides change places, mirrored: chest walls stay together", group: "Layout", run: () => this.toggle("swap") },
      { keys: ["g"], what: "Full screen", group: "Layout", run: () => this.toggle("screen") },
      { keys: ["f"], what: "Fit to the breast", group: view, run: () => stage.fit() },
      { keys: ["Shift+F"], what: "Fit to the image", group: view, run: () => stage.fit(true) },
      { keys: ["0"], what: "One pixel of the image, one of the screen", group: view, run: () => stage.oneToOne() },
      { keys: ["+", "="], what: "Larger", group: view, run: () => stage.zoom(1.25) },
      { keys: ["-"], what: "Smaller", group: view, run: () => stage.zoom(0.8) },
      { keys: ["i"], what: "Invert", group: view, run: () => stage.invert() },
      { keys: ["e"], what: "Contrast of each breast, or as stored", group: view, run: () => stage.toggleContrast() },
      { keys: ["d"], what: "Window as at first", group: view, run: () => stage.resetGrey() },
      { keys: ["m"], what: "Magnifier", group: view, run: () => stage.toggleMagnifier() },
      { keys: ["l"], what: "Views move together, or alone", group: view, run: () => this.toggle("links") },
      ...arrows.map(([key, x, y]): Command => ({
        keys: [key, `Shift+${key}`, `Alt+${key}`],
        what: "and other arrows: move; with Alt: window and level. A box: move; with Shift: size",
        group: key === "ArrowLeft" ? view : "",
        run: (event) => this.nudge(x, y, event),
      })),
      { keys: ["n"], what: "Next finding", group: finding, run: () => this.turn(1) },
      { keys: ["Shift+N"], what: "Previous finding", group: finding, run: () => this.turn(-1) },
      { keys: ["a"], what: "Accept; what other readers marked: take over", group: finding, run: answering("accepted") },
      { keys: ["x"], what: "Reject", group: finding, run: answering("rejected") },
      { keys: ["c"], what: "Correct the box", group: finding, run: () => { const item = this.chosen(); if (item) this.correct(item); } },
      { keys: ["Shift+B"], what: "New mark in the middle of the image", group: finding, run: () => void this.addByKey() },
      { keys: ["Delete", "Backspace"], what: "Remove the own mark", group: finding, run: () => { const mark = this.chosen()?.mark; if (mark && this.review.free(mark)) void this.remove(mark); } },
      { keys: ["v"], what: "Marks on or off", group: finding, run: () => this.toggle("marks") },
      { keys: ["h"], what: "Heat map", group: finding, run: () => this.toggleHeat() },
      { keys: ["["], what: "Threshold lower", group: finding, run: () => this.setThreshold(this.threshold - 0.05) },
      { keys: ["]"], what: "Threshold higher", group: finding, run: () => this.setThreshold(this.threshold + 0.05) },
      { keys: ["Ctrl+Enter"], what: "End the read", group: "Study", run: () => void this.finish(this.task.mode === "independent" && !this.review.read.saved ? "save" : "sign") },
      { keys: ["j"], what: "Next study", group: "Study", run: () => { if (this.task.next) this.go(this.task.next); } },
      { keys: ["k"], what: "Previous study", group: "Study", run: () => { if (this.task.previous) this.go(this.task.previous); } },
      { keys: ["Escape"], what: "One step back", group: "Study", run: () => this.escape() },
    ];
  }
}

const SIGNS = { own: "", accepted: "✓", rejected: "✗", corrected: "↔", merged: "" } as const;

function weight({ finding }: Item): number {
  return finding ? (finding.p_malignant ?? 0) * 10 + finding.score : -1;
}
