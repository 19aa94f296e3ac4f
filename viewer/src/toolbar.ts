/** The tools above the images; each has a key as well. */

import { h } from "./dom";
import type { Layout } from "./hanging";
import type { Stage, Tool } from "./stage";

export const TOOLS: [Tool, string, string][] = [
  ["window", "w", "Window"],
  ["pan", "p", "Move"],
  ["zoom", "z", "Zoom"],
  ["ruler", "r", "Ruler"],
  ["box", "b", "Mark"],
];

export const LAYOUTS: [Layout, string, string][] = [
  ["all", "1", "All"],
  ["cc", "2", "CC"],
  ["mlo", "3", "MLO"],
  ["right", "4", "R"],
  ["left", "5", "L"],
  ["row", "6", "Row"],
];

/** What is on or off besides the tools. */
export type Switch = "marks" | "links" | "priors" | "swap" | "screen";

interface State {
  stage: Stage;
  marks: boolean;
  priors: boolean;
  open: boolean;
}

export function toolbar(state: State, use: (tool: Tool) => void, toggle: (what: Switch) => void): (Node | null)[] {
  const { stage } = state;
  const button = (text: string, key: string, on: boolean | null, act: () => void, disabled = false) =>
    h(
      "button",
      {
        type: "button",
        title: `${text} (${key.toUpperCase()})`,
        disabled,
        "aria-pressed": on === null ? null : String(on),
        click: act,
      },
      text,
    );
  const group = (name: string, ...buttons: (Node | null)[]) =>
    h("span", { class: "group", role: "group", "aria-label": name }, ...buttons);
  return [
    h("a", { href: "#/", class: "back", title: "Worklist (Esc)" }, "← Worklist"),
    group("Pointer", ...TOOLS.map(([name, key, text]) =>
      button(text, key, stage.tool === name, () => use(name), name === "box" && !state.open))),
    group("Layout", ...LAYOUTS.map(([name, key, text]) =>
      button(text, key, stage.layout === name, () => stage.setLayout(name)))),
    group(
      "View",
      button("Fit", "f", null, () => stage.fit()),
      button("1:1", "0", null, () => stage.oneToOne()),
      button("Contrast", "e", stage.contrast, () => stage.toggleContrast()),
      button("Invert", "i", stage.activeView?.grey.invert ?? false, () => stage.invert()),
      button("Magnifier", "m", stage.magnifying, () => stage.toggleMagnifier()),
      button("Linked", "l", stage.linked, () => toggle("links")),
      button("Swap", "s", stage.swapped, () => toggle("swap")),
      state.priors ? button("Prior", "o", stage.showsPriors, () => toggle("priors")) : null,
      button("Marks", "v", state.marks, () => toggle("marks")),
      button("Full screen", "g", null, () => toggle("screen")),
    ),
  ];
}
