import "./style.css";

import * as api from "./api";
import { clear, h } from "./dom";
import { Keyboard } from "./keys";
import { Renderer } from "./renderer";
import { StudyPage } from "./study";
import type { Me } from "./types";
import { WorklistPage } from "./worklist";

const app = document.getElementById("app")!;
const keyboard = new Keyboard();
let page: StudyPage | WorklistPage | null = null;

function shell(me: Me, banner: HTMLElement | null = null): HTMLElement {
  return h(
    "header",
    { class: "top" },
    h("a", { href: "#/", class: "brand" }, "mammoscope"),
    h("span", { class: "dim small" }, me.disclaimer),
    h("span", { class: "spring" }),
    banner,
    h("span", { class: "spring" }),
    h("span", {}, `${me.reader} · ${me.role}`),
    h("button", { type: "button", title: "Keys and pointer (?)", click: () => keyboard.help() }, "Help"),
  );
}

async function route(me: Me, message = ""): Promise<void> {
  page?.close();
  page = null;
  const key = /^#\/task\/([\w-]+)$/.exec(location.hash)?.[1];
  const go = (next: string | null) => {
    location.hash = next ? `#/task/${next}` : "#/";
  };
  if (!key) {
    page = new WorklistPage(me, go);
    keyboard.use(page.commands());
    clear(app, shell(me), page.element);
    document.title = `${me.title} · mammoscope`;
    // Whoever opens a study is to find the graphics ready. What is lacking will be said there.
    setTimeout(() => {
      try {
        Renderer.prepare();
      } catch {
        return;
      }
    }, 200);
    return;
  }
  // The list that the page brought along grows old while a study is read.
  api.broughtList();
  try {
    const task = await api.task(key);
    const study = new StudyPage(me, task, go, (why) => void route(me, why));
    page = study;
    keyboard.use(study.commands());
    clear(app, shell(me, study.banner()), study.element);
    document.title = "Study · mammoscope";
    study.say(message);
    await study.start();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    keyboard.use([{ keys: ["Escape"], what: "Back to the worklist", group: "Study", run: () => go(null) }]);
    clear(app, shell(me), h("main", { class: "notice", role: "alert" }, h("p", {}, why), h("a", { href: "#/" }, "Back to the worklist")));
  }
}

api.me().then(
  (me) => {
    addEventListener("hashchange", () => void route(me));
    void route(me);
  },
  (error) => clear(app, h("main", { class: "notice" }, h("p", {}, String(error.message ?? error)))),
);
