/** What other readers have said, side by side, for whoever has to decide between them. */

import { h } from "./dom";
import type { Merged, Task, Voice } from "./types";

const NONE = "–";

/** One place: what each reader says of it, who has none there, and what can be taken over. */
export function voicesSection(merged: Merged, open: boolean, take: (voice?: Voice) => void): HTMLElement {
  const several = new Set(merged.voices.map((voice) => voice.reader)).size < merged.voices.length;
  const row = (voice: Voice) =>
    h("tr", {},
      h("th", { scope: "row", title: voice.text || null }, voice.reader, several ? h("span", { class: "dim" }, ` ${voice.mode}`) : null),
      h("td", {}, voice.label ?? NONE),
      h("td", {}, voice.birads ?? NONE),
      h("td", {}, voice.rating === null ? NONE : `${voice.rating} %`),
      h("td", {}, h("button", { type: "button", class: "inline", disabled: !open, title: `Take over the mark of ${voice.reader}`, click: () => take(voice) }, "take")));
  return h("div", { class: "voices" },
    h("table", {},
      h("tr", {}, ...["reader", "says", "BI-RADS", "malignant", ""].map((name) => h("th", { scope: "col" }, name))),
      ...merged.voices.map(row),
      ...merged.silent.map((reader) => h("tr", { class: "dim" }, h("th", { scope: "row" }, reader), h("td", { colspan: 4 }, "no mark here")))),
    ...merged.voices.filter((voice) => voice.text).map((voice) => h("p", { class: "small" }, `${voice.reader}: ${voice.text}`)),
    h("button", { type: "button", class: "primary", disabled: !open, title: "Take over (A)", click: () => take() },
      merged.voices.length > 1 ? "Take over what they share" : "Take over"));
}

/** The whole exam as each reader has ended it, a column a reader. */
export function othersSection({ others }: Task): HTMLElement | null {
  if (!others.length) return null;
  const lines: [string, (read: Task["others"][number]) => string | number | null][] = [
    ["BI-RADS right", (read) => read.exam.birads_right],
    ["BI-RADS left", (read) => read.exam.birads_left],
    ["density", (read) => read.exam.density],
    ["malignant, %", (read) => read.exam.rating],
    ["marks", (read) => read.marks.filter((mark) => mark.origin !== "rejected").length],
    ["seconds", (read) => Math.round(read.seconds)],
  ];
  return h("div", { class: "other-readers", role: "region", "aria-label": "Other readers" },
    h("h2", {}, "Other readers"),
    h("div", { class: "wide" },
      h("table", {},
        h("tr", {}, h("th"), ...others.map((read) => h("th", { scope: "col" }, read.reader, h("div", { class: "dim" }, read.mode)))),
        ...lines.map(([name, of]) =>
          h("tr", {}, h("th", { scope: "row" }, name), ...others.map((read) => h("td", {}, String(of(read) ?? NONE))))))),
    ...others.filter((read) => read.exam.text).map((read) => h("p", { class: "small" }, `${read.reader}: ${read.exam.text}`)));
}
