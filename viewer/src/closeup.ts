/** A finding close up: its pixels, its box, and the heat map laid over them. */

import { clear, h, svg } from "./dom";
import { Renderer } from "./renderer";
import type { Box, ImageTold } from "./types";
import { View, type Grey } from "./view";

const SIDE = 272;
/** As in the report: a close-up is twice as long as its finding. */
const AROUND = 2;

export class CloseUp {
  readonly element = h("figure", { class: "closeup" });
  private made: Renderer | null = null;

  /** Made when it is needed: a graphics context takes its time. */
  private get renderer(): Renderer {
    if (!this.made) {
      this.made = Renderer.take();
      this.made.resize(SIDE, SIDE);
    }
    return this.made;
  }

  close(): void {
    this.made?.close();
  }

  show(image: ImageTold, box: Box, flip: boolean, grey: Grey, heat: { url: string; box: Box } | null): void {
    const view = new View(image);
    view.mirrored = flip;
    view.grey = grey;
    view.size = { width: SIDE, height: SIDE };
    view.settled = true;
    view.center(box);
    view.scale = SIDE / (AROUND * Math.max(box[2] - box[0], (box[3] - box[1]) * view.aspect));
    this.renderer.panes = [{ view, x: 0, y: 0 }];
    this.renderer.draw();
    const place = ([x0, y0, x1, y1]: Box) => ({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
    const overlay = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" });
    if (heat) {
      const at = view.boxToScreen(heat.box);
      const turn = flip ? `translate(${at[0] + at[2]} 0) scale(-1 1)` : null;
      overlay.append(
        svg("image", { href: heat.url, ...place(at), preserveAspectRatio: "none", transform: turn }),
      );
    }
    overlay.append(svg("rect", { class: "line", ...place(view.boxToScreen(box)) }));
    clear(this.element, this.renderer.canvas, overlay);
  }
}
