/** Beside the images: scores, findings, a closer look, and the reader's answers. */

import { clear, h, percent, svg } from "./dom";
import { label } from "./hanging";
import type { Review } from "./review";

import { othersSection, voicesSection } from "./others";
import type { Box, FeatureAbout, Finding, ImageTold, Mark, Me, Merged, Model, Task, Voice } from "./types";

export interface Item {
  id: string;
  /** A finding's number on its image, as in the results; M1, M2, ... of what people marked. */
  badge: string;
  image: ImageTold;
  finding: Finding | null;
  /** A place that other readers have marked. */
  merged: Merged | null;
  mark: Mark | null;
  box: Box;
}

interface Acts {
  select(id: string): void;
  answer(item: Item, origin: Mark["origin"]): void;
  correct(item: Item): void;
  remove(mark: Mark): void;
  take(merged: Merged, voice?: Voice): void;
  threshold(value: number): void;
  toggleHeat(): void;
  finish(kind: "save" | "sign" | "reopen"): void;
}

const ORIGINS = { own: "own mark", accepted: "accepted", corrected: "corrected", rejected: "rejected", merged: "taken over" };

export class Panel {
  readonly element = h("aside", { class: "panel", "aria-label": "Findings and review" });
  private readonly scores = h("section", { class: "scores" });
  private readonly list = h("ol", { class: "findings", "aria-label": "Findings and marks" });
  private readonly detail = h("section", { class: "detail" });
  private readonly exam = h("section", { class: "exam" });
  private readonly slider = h("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "Threshold of the score" });
  private readonly sliderText = h("output");
  private examKey = "";

  constructor(
    private readonly me: Me,
    private readonly task: Task,
    private readonly review: Review,
    private readonly acts: Acts,
    private readonly closeup: HTMLElement,
  ) {
    this.slider.addEventListener("input", () => acts.threshold(Number(this.slider.value)));
    this.element.append(this.scores, this.findings(), this.detail, this.exam);
    this.showScores();
  }

  private findings(): HTMLElement {
    const { model, mode } = this.task;
    const locked =
      mode === "blinded"
        ? "This read is without the model."
        : "The model’s marks are shown after your own read is saved.";
    return h(
      "section",
      {},
      h("h2", {}, model ? "Findings, P(malignant)" : "Findings"),
      model
        ? h("label", { class: "slider" }, h("span", {}, "shown from score"), this.slider, this.sliderText)
        : h("p", { class: "dim", "data-locked": true }, locked),
      this.list,
    );
  }

  private showScores(): void {
    const { model } = this.task;
    if (!model) return;
    const side = (s: string | null) => (s === "R" ? "right" : s === "L" ? "left" : "side unknown");
    const exam = examScore(this.task.images, model);
    clear(
      this.scores,
      h("h2", {}, "Second reader"),
      h("dl", {},
        h("dt", {}, "exam score"), h("dd", { class: "exam-score" }, exam.score),
        h("dt", {}, "malignancy"), h("dd", { class: "exam-score" }, model.malignancy === null ? "unknown" : model.malignancy.toFixed(2)),
        ...model.breasts.flatMap((b) => [h("dt", {}, side(b.side)), h("dd", {}, b.score === null ? "unknown" : b.score.toFixed(2))]),
      ),
      this.densities(),
      h("p", { class: "dim small" }, `Exam score: ${exam.how}. Malignancy is for ranking, no probability. ${model.models.join(", ")}.`),
    );
  }

  /** One line where all images are of one density, else one an image; nothing where none is known. */
  private densities(): HTMLElement | null {
    const known = this.task.images.flatMap((image) => {
      const density = this.task.model?.densities[image.key];
      return density ? [{ image, density }] : [];
    });
    if (!known.length) return null;
    const shares = (p: Record<string, number>) => Object.entries(p).map(([name, share]) => `${name} ${percent(share)}`).join(", ");
    const alike = new Set(known.map(({ density }) => density.category)).size === 1 && known.length > 1;
    return h("dl", { class: "densities" },
      ...(alike ? [h("dt", {}, "density"), h("dd", { title: known.map(({ image, density }) => `${label(image)}: ${shares(density.probabilities)}`).join("\n") }, `${known[0].density.category}, all images`)]
        : known.flatMap(({ image, density }) => [h("dt", {}, `density ${label(image)}`), h("dd", { title: shares(density.probabilities) }, density.category)])));
  }

  show(items: Item[], selected: string | null, threshold: number, heat: boolean): void {
    this.slider.value = String(threshold);
    this.sliderText.textContent = threshold.toFixed(2);
    clear(this.list, ...items.map((item) => this.line(item, item.id === selected)));
    if (!items.length)
      this.list.append(h("li", { class: "dim none" }, this.task.model ? "none from this score up" : "no marks yet"));
    this.list.append(...this.notCounted());
    const shown = items.find((item) => item.id === selected);
    clear(this.detail, ...(shown ? this.details(shown, items, heat) : []));
    this.showExam();
  }

  /** What a second look took out of the findings. */
  private notCounted(): HTMLElement[] {
    return this.task.images.flatMap((image) =>
      (this.task.model?.lookalikes[image.key] ?? []).map((words) =>
        h("li", { class: "dim none" }, `${label(image)}: not counted, ${words}`)));
  }

  private line(item: Item, chosen: boolean): HTMLElement {
    const { finding, mark, merged } = item;
    const kind = finding ? this.verdict(finding)[0] : merged ? "others" : "own";
    const own = mark?.origin === "merged" ? "taken over" : "own mark";
    const what = finding ? percent(finding.p_malignant) : merged ? voicesOf(merged) : (mark?.label ?? own);
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: `finding ${kind}${mark?.origin === "rejected" ? " rejected" : ""}`,
          "aria-pressed": String(chosen),
          "data-id": item.id,
          click: () => this.acts.select(item.id),
        },
        h("span", { class: "badge" }, item.badge),
        h("span", { class: "where" }, label(item.image)),
        h("span", { class: "what" }, what),
        finding && mark ? h("span", { class: `answer ${mark.origin}` }, ORIGINS[mark.origin]) : null,
      ),
    );
  }

  private verdict(finding: Finding): [string, string] {
    const limit = this.task.model?.malignant_threshold ?? null;
    const p = finding.p_malignant;
    if (p === null || limit === null) return ["unclassified", "not classified"];
    const side = p >= limit ? "at or above" : "below";
    return [p >= limit ? "malignant" : "benign", `P(malignant) ${p.toFixed(2)}, ${side} the operating point ${limit.toFixed(2)}`];
  }

  private details(item: Item, items: Item[], heat: boolean): HTMLElement[] {
    const { finding, image, merged } = item;
    const parts: HTMLElement[] = [h("h2", {}, `${finding ? "Finding" : "Mark"} ${item.badge}, ${label(image)}`)];
    // What is asked most often is not to be scrolled for.
    if (!merged) parts.push(this.verdictOf(item));
    parts.push(this.closeup);
    if (merged) return [...parts, voicesSection(merged, this.review.open, (voice) => this.acts.take(merged, voice))];
    if (item.mark?.readers.length) parts.push(h("p", { class: "dim small" }, `Taken over from ${item.mark.readers.join(", ")}.`));
    if (finding) {
      const size = finding.size_mm ? `${finding.size_mm[0].toFixed(0)} × ${finding.size_mm[1].toFixed(0)} mm` : "size unknown";
      if (finding.heat)
        parts.push(
          h("div", { class: "heat" },
            h("button", { type: "button", "aria-pressed": String(heat), click: () => this.acts.toggleHeat() }, "Heat map"),
            h("span", { class: "ramp", "aria-hidden": "true" }),
            h("span", { class: "dim small" }, "against … for malignancy")),
        );
      parts.push(h("p", {}, this.verdict(finding)[1]), h("p", { class: "dim" }, `${size} · score ${finding.score.toFixed(2)}`));
      const linked = this.linked(item, items);
      if (linked) parts.push(linked);
      if (finding.features) parts.push(this.features(finding));
    }
    parts.push(this.answers(item));
    return parts;
  }

  private linked(item: Item, items: Item[]): HTMLElement | null {
    for (const link of this.task.model?.links ?? []) {
      const here = link.images.findIndex((image, n) => image === item.image.key && link.findings[n] === item.finding?.number);
      if (here < 0) continue;
      const there = 1 - here;
      const place = items.findIndex((i) => i.image.key === link.images[there] && i.finding?.number === link.findings[there]);
      if (place < 0) continue;
      const unit = link.unit === "mm" ? "mm" : "depths";
      const far = (d: number) => (link.unit === "mm" ? d.toFixed(0) : d.toFixed(2));
      return h("p", {}, "May be the same lesion as ",
        h("button", { type: "button", class: "inline", click: () => this.acts.select(items[place].id) },
          `finding ${items[place].badge} on ${label(items[place].image)}`),
        `: ${far(link.distances[here])} and ${far(link.distances[there])} ${unit} from the nipple.`);
    }
    return null;
  }

  private features(finding: Finding): HTMLElement {
    const rows = this.me.reference.features.flatMap((about) => {
      const feature = finding.features?.[about.name];
      if (!feature) return [];
      const value = about.percent ? percent(feature.value) : feature.value.toFixed(2).replace("-", "−");
      return [
        h("tr", {}, h("th", { scope: "row", title: about.meaning }, about.title), h("td", {}, value),
          h("td", {}, spread(about, feature.value)), h("td", {}, `${feature.benign} %`), h("td", {}, `${feature.malignant} %`)),
      ];
    });
    return h("details", { class: "features", open: true },
      h("summary", {}, "Features beside known masses"),
      h("table", {},
        h("tr", {}, h("th", { colspan: 2 }), h("th", { scope: "col" }, "higher than"), h("th", { scope: "col" }, "benign"), h("th", { scope: "col" }, "malignant")),
        ...rows),
      h("p", { class: "dim small" }, `Measured for the reader; not the model’s reasons. ${this.me.reference.about}.`));
  }

  private free({ mark, finding }: Item): boolean {
    return this.review.open && (finding !== null || (mark !== null && this.review.free(mark)));
  }

  private change({ mark, finding, image }: Item, values: Partial<Mark>): void {
    void this.review.mark({ ...(mark ?? this.review.answerTo(image.key, finding!, "accepted")), ...values });
  }

  /** Whether a mark stands, and what it is. */
  private verdictOf(item: Item): HTMLElement {
    const { mark, finding } = item;
    const free = this.free(item);
    const button = (text: string, on: boolean, act: () => void, css = "") =>
      h("button", { type: "button", class: css, "aria-pressed": String(on), disabled: !free, click: act }, text);
    const labels = (["benign", "malignant"] as const).map((word) =>
      button(word, mark?.label === word, () => this.change(item, { label: mark?.label === word ? null : word })));
    return h(
      "div",
      { class: "answers verdict" },
      finding
        ? h("div", { class: "row", role: "group", "aria-label": "Answer" },
            button("Accept", mark?.origin === "accepted", () => this.acts.answer(item, "accepted"), "accept"),
            button("Reject", mark?.origin === "rejected", () => this.acts.answer(item, "rejected"), "reject"),
            button("Correct", mark?.origin === "corrected", () => this.acts.correct(item)))
        : h("div", { class: "row" },
            button("Move box", false, () => this.acts.correct(item)),
            button("Remove", false, () => mark && this.acts.remove(mark))),
      h("div", { class: "row", role: "group", "aria-label": "Benign or malignant" }, ...labels),
    );
  }

  private answers(item: Item): HTMLElement {
    const { mark } = item;
    const free = this.free(item);
    const change = (values: Partial<Mark>) => this.change(item, values);
    return h(
      "div",
      { class: "answers" },
      h("div", { class: "row" },
        field("BI-RADS", select(this.me.birads, mark?.birads ?? null, !free, (birads) => change({ birads }))),
        field("malignant, %", rating(mark?.rating ?? null, !free, (value) => change({ rating: value })))),
      field("Comment", text(mark?.text ?? "", !free, (value) => change({ text: value }))),
    );
  }

  /** Made anew only when something in it changed: nobody's typing is interrupted. */
  private showExam(): void {
    const { read } = this.review;
    const key = JSON.stringify([read.exam, read.state]);
    if (key === this.examKey) return;
    this.examKey = key;
    const closed = !this.review.open;
    const { exam } = read;
    const change = (values: Partial<typeof exam>) => void this.review.exam(values);
    const own = this.task.mode === "independent" && !read.saved;
    clear(
      this.exam,
      h("h2", {}, "Exam"),
      h("div", { class: "row" },
        field("BI-RADS right", select(this.me.birads, exam.birads_right, closed, (birads_right) => change({ birads_right }))),
        field("BI-RADS left", select(this.me.birads, exam.birads_left, closed, (birads_left) => change({ birads_left })))),
      h("div", { class: "row" },
        field("Density", select(this.me.densities, exam.density, closed, (density) => change({ density }))),
        field("malignant, %", rating(exam.rating, closed, (value) => change({ rating: value })))),
      field("Comment", text(exam.text, closed, (value) => change({ text: value }))),
      h("div", { class: "row finish" },
        closed
          ? h("button", { type: "button", click: () => this.acts.finish("reopen") }, "Reopen")
          : h("button", { type: "button", class: "primary", title: "Ctrl+Enter", click: () => this.acts.finish(own ? "save" : "sign") },
              own ? "Save own read, show the model" : "End the read")),
      own ? h("p", { class: "dim small" }, "Once saved, your own marks stay as they are.") : null,
      !own && this.task.model && !closed
        ? h("p", { class: "dim small" }, "A finding that you neither accept nor correct is not yours: the image counts as without it.")
        : null,
      othersSection(this.task),
    );
  }
}

/** Cards score images: a study's score is that of its highest image, and unknown where one has none. */
function examScore(images: ImageTold[], model: Model): { score: string; how: string } {
  const known = images.flatMap(({ key }) => model.exam_scores[key] ?? []);
  const silent = images.filter(({ key }) => model.exam_scores[key] === null);
  const highest = Math.max(0, ...known);
  if (!known.length) return { score: "unknown", how: "these models’ cards give none" };
  if (silent.length)
    return { score: "unknown", how: `unknown of ${silent.map(label).join(" and ")}; the highest of the others is ${highest} of 10` };
  return { score: `${highest} of 10`, how: "that of the highest image; 10 is higher than nine of ten images read as normal" };
}

function voicesOf(merged: Merged): string {
  const readers = [...new Set(merged.voices.map((voice) => voice.reader))];
  return readers.length > 2 ? `${readers.length} readers` : readers.join(", ");
}

function field(name: string, control: HTMLElement): HTMLElement {
  return h("label", { class: "field" }, h("span", {}, name), control);
}

function select(values: string[], value: string | null, disabled: boolean, act: (value: string | null) => void): HTMLElement {
  const menu = h("select", { disabled }, h("option", { value: "" }, "–"), ...values.map((v) => h("option", { value: v }, v)));
  menu.value = value ?? "";
  menu.addEventListener("change", () => act(menu.value || null));
  return menu;
}

function rating(value: number | null, disabled: boolean, act: (value: number | null) => void): HTMLElement {
  const input = h("input", { type: "number", min: 0, max: 100, step: 1, disabled, value: value ?? "" });
  input.addEventListener("change", () => act(input.value === "" ? null : Math.min(100, Math.max(0, Number(input.value)))));
  return input;
}

function text(value: string, disabled: boolean, act: (value: string) => void): HTMLElement {
  const area = h("textarea", { rows: 2, maxlength: 4000, disabled }, value);
  area.addEventListener("change", () => act(area.value));
  return area;
}

/** Where a value lies: of benign (above) and malignant masses 90 %, the middle half, the median. */
function spread(about: FeatureAbout, value: number): SVGElement {
  const { benign, malignant } = about.spread;
  const low = Math.min(benign[0], malignant[0]);
  const high = Math.max(benign[4], malignant[4]);
  const margin = 0.08 * (high - low);
  const x = (v: number) => Math.min(Math.max((72 * (v - low + margin)) / (high - low + 2 * margin), 1), 71);
  const bar = (css: string, a: number, b: number, y: number, height: number) =>
    svg("rect", { class: css, x: a, y, width: Math.max(b - a, 1), height });
  const rows = ([["benign", benign, 4], ["malignant", malignant, 11]] as const).flatMap(([css, q, y]) => [
    bar(css, x(q[0]), x(q[4]), y - 0.5, 1),
    bar(css, x(q[1]), x(q[3]), y - 2, 4),
    bar("median", x(q[2]) - 0.5, x(q[2]) + 0.5, y - 2, 4),
  ]);
  return svg("svg", { class: "spread", viewBox: "0 0 72 15", "aria-hidden": "true" }, ...rows, bar("here", x(value) - 0.75, x(value) + 0.75, 0, 15));
}
