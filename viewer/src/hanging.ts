/** Which image hangs where: columns of viewports, each from top to bottom. */

import type { Hanging, ImageTold, Prior, Side } from "./types";

export type Layout = "all" | "row" | "cc" | "mlo" | "right" | "left" | "single";

/** Keys of images column by column; null for a view that is missing. */
export type Columns = (string | null)[][];

export function label(image: ImageTold): string {
  const { laterality, view } = image;
  if (laterality && view) return `${laterality} ${view}`;
  if (laterality) return `${laterality}, view unknown`;
  if (view) return `${view}, side unknown`;
  return "side and view unknown";
}

/** The right breast at the left of the screen, or swapped; images of unknown side in columns of their own. */
export function hangingColumns(hanging: Hanging, layout: Layout, single: string | null, swapped = false): Columns {
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
  const columns: Columns = !rows.length ? [] : swapped ? [left, right] : [right, left];
  if (hanging.loose.length && (layout === "all" || !rows.length)) {
    const many = Math.ceil(Math.sqrt(hanging.loose.length));
    for (let n = 0; n < hanging.loose.length; n += many) columns.push(hanging.loose.slice(n, n + many));
  }
  return columns.length ? columns : hangingColumns(hanging, "all", null, swapped);
}

function transposed(keys: (string | null)[]): Columns {
  return keys.map((key) => [key]);
}

/** Pairs of one view beside each other, the prior's images of the same view below each. */
export function sideBySide(hanging: Hanging, layout: Layout, prior: Prior | undefined, swapped = false): Columns {
  const only = { cc: "CC", mlo: "MLO" }[layout as string];
  const both: Side[] = swapped ? ["L", "R"] : ["R", "L"];
  const sides: Side[] = layout === "right" ? ["R"] : layout === "left" ? ["L"] : both;
  const columns: Columns = [];
  for (const row of hanging.rows.filter((each) => !only || each.view === only)) {
    const older = prior?.hanging.rows.find((each) => each.view === row.view);
    for (let n = 0; n < Math.max(...sides.map((side) => row[side].length), 1); n++)
      for (const side of sides)
        columns.push([row[side][n] ?? null, ...(prior ? [older?.[side][n] ?? null] : [])]);
  }
  for (const key of only ? [] : hanging.loose) columns.push(prior ? [key, null] : [key]);
  return columns.length ? columns : hangingColumns(hanging, "all", null, swapped);
}
