/** The keyboard: one table that the pages act by and the help sheet shows. */

import { clear, h } from "./dom";

export interface Command {
  keys: string[];
  what: string;
  group: string;
  run(event: KeyboardEvent): void;
}

/** "Shift+ArrowLeft", "n", "Shift+N", "Ctrl+Enter". */
export function nameOf(event: KeyboardEvent): string {
  const letter = /^[a-z]$/i.test(event.key);
  const key = !letter ? event.key : event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase();
  const named = event.key.length > 1 || letter;
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${event.shiftKey && named ? "Shift+" : ""}${key}`;
}

export class Keyboard {
  private commands: Command[] = [];

  constructor() {
    addEventListener("keydown", (event) => {
      const target = event.target as HTMLElement;
      // A slider takes arrows alone.
      const slider = target instanceof HTMLInputElement && target.type === "range" && !event.key.startsWith("Arrow");
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && event.key !== "Escape" && !slider;
      if (typing || document.querySelector("dialog[open]")) return;
      const name = nameOf(event);
      // A button keeps what it does by itself.
      if (target.tagName === "BUTTON" && (name === "Enter" || name === " ")) return;
      const command = this.commands.find((c) => c.keys.includes(name));
      if (!command) return;
      event.preventDefault();
      if (event.key === "Escape") target.blur();
      command.run(event);
    });
  }

  use(commands: Command[]): void {
    this.commands = [...commands, { keys: ["?"], what: "This sheet", group: "Help", run: () => this.help() }];
  }

  help(): void {
    const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" });
    const groups = [...new Set(this.commands.map((c) => c.group).filter(Boolean))];
    const rows = (group: string) =>
      this.commands
        .filter((c) => c.group === group)
        .map((c) => h("tr", {}, h("td", {}, ...c.keys.filter((k) => !/^(Shift|Alt)\+Arrow/.test(k)).slice(0, 2).map((k) => h("kbd", {}, pretty(k)))), h("td", {}, c.what)));
    clear(
      dialog,
      h("h2", { id: "help-title" }, groups.includes("Tools") ? "Keys and pointer" : "Keys"),
      h(
        "div",
        { class: "sheets" },
        ...groups.map((group) => h("section", {}, h("h3", {}, group), h("table", {}, ...rows(group)))),
        // A list has no pictures to drag.
        groups.includes("Tools") && h(
          "section",
          {},
          h("h3", {}, "Pointer"),
          h(
            "table",
            {},
            ...[
              ["Drag", "the tool that is chosen"],
              ["Right button", "window and level"],
              ["Middle, Shift", "move"],
              ["Wheel, pinch", "zoom"],
              ["Double click", "one image large, and back"],
            ].map(([what, does]) => h("tr", {}, h("td", {}, h("kbd", {}, what)), h("td", {}, does))),
          ),
        ),
      ),
      h("form", { method: "dialog" }, h("button", { autofocus: true }, "Close")),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    dialog.scrollTop = 0;
  }
}

const SIGNS: Record<string, string> = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc",
};

function pretty(name: string): string {
  return name
    .split(/(?<=.)\+/)
    .map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(" ");
}
