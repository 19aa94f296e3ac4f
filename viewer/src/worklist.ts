/** The worklist: thumbnails, scores, state; searched, sorted and paged by the server. */

import * as api from "./api";
import { clear, h } from "./dom";
import type { Command } from "./keys";
import { Pictures } from "./pictures";
import type { Me, State, Worklist, WorklistRow } from "./types";
import { Warm } from "./warm";

const EXAM = "That of the highest image, from 1 to 10: 10 is higher than nine of ten images read as normal";

const STATES: Record<State, string> = {
  new: "not read",
  started: "begun",
  saved: "own read saved",
  done: "done",
};

const LOOK_EVERY_MS = 5000;

const kept: api.Query = {
  words: "", state: "", least: null, sort: "place", descending: false, page: 0, size: 50,
};

export class WorklistPage {
  readonly element = h("main", { class: "worklist" });
  private readonly query = kept;
  private readonly body = h("tbody");
  private readonly head = h("tr");
  private readonly states = h("div", { class: "chips", role: "group", "aria-label": "State" });
  private readonly pager = h("nav", { class: "pager", "aria-label": "Pages" });
  private readonly status = h("p", { class: "dim", role: "status" });
  private readonly search = h("input", {
    type: "search", placeholder: "Patient, study or image", "aria-label": "Search", autocomplete: "off",
    spellcheck: "false",
  });
  private readonly least = h(
    "select",
    { "aria-label": "Least malignancy", hidden: true },
    ...["", "0.1", "0.2", "0.3", "0.5", "0.7"].map((value) =>
      h("option", { value }, value ? `malignancy from ${value}` : "any malignancy"),
    ),
  );
  private readonly pictures = new Pictures();
  private readonly warm = new Warm();
  private asked = 0;
  private generation = 0;
  private readonly clock = setInterval(() => void this.look(), LOOK_EVERY_MS);

  constructor(
    private readonly me: Me,
    private readonly open: (key: string) => void,
  ) {
    this.search.value = this.query.words;
    this.least.value = this.query.least === null ? "" : String(this.query.least);
    this.least.addEventListener("change", () =>
      void this.ask({ least: this.least.value ? Number(this.least.value) : null, page: 0 }),
    );
    let typing = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.ask({ words: this.search.value, page: 0 }), 150);
    });
    this.element.append(
      h(
        "header",
        { class: "bar" },
        h("h1", {}, me.title),
        this.search,
        this.states,
        this.least,
        h("span", { class: "spring" }),
        me.exports.length ? this.exports() : null,
      ),
      h("div", { class: "scroll" }, h("table", { class: "studies" }, h("thead", {}, this.head), this.body)),
      h("footer", { class: "bar" }, this.status, h("span", { class: "spring" }), this.pager),
    );
    const list = location.hash.length > 2 ? null : api.broughtList();
    if (list && isPlain(this.query)) this.show(list);
    else void this.ask({});
  }

  close(): void {
    clearInterval(this.clock);
    this.warm.close();
    this.pictures.close();
  }

  commands(): Command[] {
    const move = (by: number) => {
      const rows = [...this.body.querySelectorAll<HTMLElement>("tr")];
      const place = rows.indexOf(document.activeElement as HTMLElement);
      rows[Math.min(Math.max(place + by, 0), rows.length - 1)]?.focus();
    };
    const group = "Worklist";
    return [
      { keys: ["/"], what: "Search", group, run: () => this.search.focus() },
      { keys: ["ArrowDown", "j"], what: "Next study", group, run: () => move(1) },
      { keys: ["ArrowUp", "k"], what: "Previous study", group, run: () => move(-1) },
      { keys: ["Enter"], what: "Open the study", group, run: () => (document.activeElement as HTMLElement | null)?.click() },
      { keys: ["PageDown", "Ctrl+ArrowRight"], what: "Next page", group, run: () => this.turn(1) },
      { keys: ["PageUp", "Ctrl+ArrowLeft"], what: "Previous page", group, run: () => this.turn(-1) },
    ];
  }

  private turn(by: number): void {
    void this.ask({ page: Math.max(0, this.query.page + by) });
  }

  private exports(): HTMLElement {
    const menu = h("select", { "aria-label": "Take out what readers said" }, h("option", { value: "" }, "Export…"));
    for (const kind of this.me.exports) menu.append(h("option", { value: kind }, EXPORTS[kind] ?? kind));
    menu.addEventListener("change", async () => {
      const kind = menu.value;
      menu.value = "";
      const answer = await fetch(`/api/export/${kind}`);
      if (!answer.ok) {
        this.status.textContent = (await answer.json()).error;
        return;
      }
      const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? kind;
      const link = h("a", { href: URL.createObjectURL(await answer.blob()), download: name });
      link.click();
      URL.revokeObjectURL(link.href);
      if (kind !== "audit") this.tell((await api.leftOut()).left_out);
    });
    return menu;
  }

  /** What an export has left out must not be missed. */
  private tell(sentences: string[]): void {
    if (!sentences.length) return;
    const dialog = h(
      "dialog", { class: "help", "aria-labelledby": "left-out" },
      h("h2", { id: "left-out" }, "Not in what you took out"),
      h("ul", {}, ...sentences.map((sentence) => h("li", {}, sentence))),
      h("form", { method: "dialog" }, h("button", { autofocus: true }, "Close")),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  /** Whether studies have come since the list was drawn; nothing is asked while nobody looks. */
  private async look(): Promise<void> {
    if (document.hidden) return;
    try {
      if ((await api.generation()).generation !== this.generation) await this.ask({});
    } catch (error) {
      this.status.textContent = error instanceof api.Refused ? error.message : "The viewer has ended.";
    }
  }

  private async ask(change: Partial<api.Query>): Promise<void> {
    Object.assign(this.query, change);
    const asked = ++this.asked;
    try {
      const told = await api.worklist(this.query);
      if (asked === this.asked) this.show(told);
    } catch (error) {
      this.status.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  private show(told: Worklist): void {
    this.least.hidden = !told.shows_model;
    const columns: [string, string][] = [["", "Images"], ["patient", "Patient"], ["", "Views"]];
    if (told.shows_model) columns.push(["score", "Malignancy"], ["exam", "Exam score"], ["findings", "Findings"]);
    // A case comes once in every session: without it its rows would be alike.
    const planned = told.rows.some((row) => row.session !== null);
    if (planned) columns.push(["", "Session"]);
    columns.push(["state", "State"]);
    clear(this.head, ...columns.map(([sort, title]) => this.heading(sort, title)));
    this.generation = told.generation;
    this.pictures.forget();
    const chosen = document.activeElement?.closest<HTMLElement>("tr[data-key]")?.dataset.key;
    clear(this.body, ...told.rows.map((row) => this.row(row, told.shows_model, planned)));
    // Whoever goes through the list by keys stays where they were.
    if (chosen) this.body.querySelector<HTMLElement>(`tr[data-key="${chosen}"]`)?.focus();
    const chip = (state: State | "", text: string, count: number) =>
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(this.query.state === state),
          click: () => void this.ask({ state, page: 0 }),
        },
        text,
        h("span", { class: "count" }, String(count)),
      );
    clear(
      this.states,
      chip("", "all", told.all),
      ...(Object.keys(STATES) as State[])
        .filter((state) => told.states[state] || this.query.state === state)
        .map((state) => chip(state, STATES[state], told.states[state])),
    );
    const { page, size } = this.query;
    const first = told.total ? page * size + 1 : 0;
    const last = Math.min((page + 1) * size, told.total);
    const [one, many] = planned ? ["read", "reads"] : ["study", "studies"];
    this.status.textContent = `${told.total ? `${first}–${last} of ` : ""}${told.total} ${told.total === 1 ? one : many} · ${this.me.disclaimer}`;
    clear(
      this.pager,
      h("button", { type: "button", disabled: page === 0, click: () => this.turn(-1) }, "Previous"),
      h("span", {}, `${page + 1} / ${Math.max(1, Math.ceil(told.total / size))}`),
      h("button", { type: "button", disabled: last >= told.total, click: () => this.turn(1) }, "Next"),
    );
    this.element.dataset.ready = String(this.asked);
  }

  private heading(sort: string, title: string): HTMLElement {
    if (!sort) return h("th", { scope: "col" }, title);
    const { query } = this;
    const on = query.sort === sort;
    // Best first is what a list sorted by a number is for.
    const first = ["score", "exam", "findings"].includes(sort);
    const next = () => {
      if (!on) return { sort, descending: first };
      return query.descending === first ? { sort, descending: !first } : { sort: "place", descending: false };
    };
    return h(
      "th",
      { scope: "col", "aria-sort": on ? (query.descending ? "descending" : "ascending") : "none" },
      h("button", { type: "button", class: "sort", click: () => void this.ask({ ...next(), page: 0 }) },
        title, h("span", { "aria-hidden": "true" }, on ? (query.descending ? " ↓" : " ↑") : "")),
    );
  }

  private row(row: WorklistRow, model: boolean, planned: boolean): HTMLElement {
    const who = row.patient ?? "patient unknown";
    const line = h(
      "tr",
      { tabindex: 0, "data-key": row.key, "aria-label": `${who}, ${STATES[row.state]}`, click: () => this.open(row.key),
        pointerenter: () => this.warm.ask(row.images), focus: () => this.warm.ask(row.images), pointerleave: () => this.warm.close() },
      h("td", { class: "thumbs" }, ...row.images.slice(0, 4).map((image) =>
        this.pictures.of(image))),
      h("td", {}, h("strong", {}, who), h("div", { class: "dim small study-id", title: row.study }, row.study ?? row.names.join(", "))),
      h("td", {}, row.views.map((view) => view.replaceAll(" ", "\u00a0")).join(" · ")),
    );
    if (model) {
      const score = row.score ?? null;
      line.append(
        h("td", { class: "score" },
          score === null ? h("span", { class: "dim" }, "unknown") : h("meter", { min: 0, max: 1, value: score, "aria-hidden": "true" }),
          score === null ? null : h("span", {}, score.toFixed(2))),
        h("td", { class: "whole", title: EXAM },
          row.exam ? `${row.exam} of 10` : h("span", { class: "dim" }, "unknown")),
        h("td", { class: "whole" }, row.findings ? `${row.findings}` : h("span", { class: "dim" }, "none"),
          row.suspicious ? h("span", { class: "tag malignant" }, `${row.suspicious} suspicious`) : null),
      );
    }
    if (planned) line.append(h("td", { class: "whole" }, `${row.session}, ${row.mode}`));
    line.append(h("td", {}, h("span", { class: `tag ${row.state}` }, STATES[row.state])));
    return line;
  }
}

/** Whether a query is that of the list which the page brings along. */
function isPlain({ words, state, least, sort, page }: api.Query): boolean {
  return !words && !state && least === null && sort === "place" && page === 0;
}

const EXPORTS: Record<string, string> = {
  truth: "truth.csv, for training and evaluation",
  readings: "readings.csv, every reader by themselves",
  coco: "COCO annotations",
  sr: "DICOM reports (TID 1500)",
  reads: "reads.csv, for a reader study",
  marks: "marks.csv, for a reader study",
  audit: "audit trail",
};
