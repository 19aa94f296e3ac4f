"use strict";

const $ = (id) => document.getElementById(id);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const sliders = { score: $("score"), window: $("window"), level: $("level"), size: $("size") };
const toggles = { invert: $("invert"), marks: $("marks") };
const viewer = $("viewer");
const viewerStage = viewer.querySelector(".viewer-stage");

// Score: shows and hides marks together with their rows.

function showScores() {
  const from = Number(sliders.score.value);
  for (const item of all("[data-score]")) {
    // Not item.hidden: marks are SVG, whose elements have the attribute only.
    item.toggleAttribute("hidden", Number(item.dataset.score) < from);
  }
  let total = 0;
  for (const panel of all(".panel")) {
    const shown = all(".findings > li", panel).filter((row) => !row.hidden).length;
    panel.querySelector("[data-count]").textContent = shown;
    panel.querySelector("[data-none]").hidden = shown > 0;
    total += shown;
    const study = panel.closest(".study").id;
    const entry = document.querySelector(`[data-count-of="${study}"]`);
    if (entry) entry.textContent = `${shown} ${shown === 1 ? "finding" : "findings"}`;
  }
  document.querySelector("[data-total]").textContent = total;
  all(".marks").forEach(fitLabels);
}

// Window and level: grey = (value - level) / window + 1/2, inverted if asked.

function applyWindow() {
  const width = Number(sliders.window.value);
  const level = Number(sliders.level.value);
  const inverted = isOn(toggles.invert);
  const slope = (inverted ? -1 : 1) / width;
  const intercept = 0.5 - slope * level;
  for (const channel of all("#window-level feComponentTransfer > *")) {
    channel.setAttribute("slope", slope);
    channel.setAttribute("intercept", intercept);
  }
  const changed = width !== 1 || level !== 0.5 || inverted;
  document.body.classList.toggle("windowed", changed);
}

function dragWindow(dx, dy) {
  sliders.window.value = Number(sliders.window.value) + dx / 400;
  sliders.level.value = Number(sliders.level.value) - dy / 600;
  refresh();
}

function isOn(toggle) {
  return toggle.getAttribute("aria-pressed") === "true";
}

function setToggle(toggle, on) {
  toggle.setAttribute("aria-pressed", String(on));
  refresh();
}

function refresh() {
  for (const slider of Object.values(sliders)) {
    slider.parentElement.querySelector("output").textContent = Number(slider.value).toFixed(2);
  }
  applyWindow();
  document.body.style.setProperty("--size", sliders.size.value);
  document.body.classList.toggle("unmarked", !isOn(toggles.marks));
}

function reset() {
  for (const slider of Object.values(sliders)) slider.value = slider.defaultValue;
  setToggle(toggles.invert, false);
  setToggle(toggles.marks, true);
  showScores();
}

sliders.score.addEventListener("input", () => { refresh(); showScores(); });
sliders.window.addEventListener("input", refresh);
sliders.level.addEventListener("input", refresh);
sliders.size.addEventListener("input", refresh);
for (const toggle of Object.values(toggles)) {
  toggle.addEventListener("click", () => setToggle(toggle, !isOn(toggle)));
}
$("reset").addEventListener("click", reset);
document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());

// Labels keep their size on the screen, whatever the size of the picture, and never lie on another
// mark or its label. As reporting/pictures/placing.py, which see.

const GAP = 3;

function nearest([width, height], own, taken, [columns, rows], gap) {
  const edges = (wanted, low, high, length, room) => [
    ...wanted, 0, room - length,
    ...[own, ...taken].flatMap((b) => [b[low] - length, b[high], b[low] - length - gap, b[high] + gap]),
  ].map((at) => clamp(at, 0, room - length));
  const across = edges([own[0], own[2] - width], 0, 2, width, columns);
  const down = edges([own[1] - gap - height, own[1]], 1, 3, height, rows);
  let found = null;
  for (const x of new Set(across)) for (const y of new Set(down)) {
    if (taken.some((b) => x < b[2] && x + width > b[0] && y < b[3] && y + height > b[1])) continue;
    const aside = Math.max(own[0] - x - width, x - own[2], 0);
    const off = Math.max(own[1] - y - height, y - own[3], 0);
    const apart = aside ** 2 + off ** 2;
    const near = apart <= 2 * (gap * 1.4) ** 2 ? 0 : apart;
    const side = y + height <= own[1] ? 0 : y >= own[3] ? 1 : 2;
    const along = side === 2 ? Math.abs(y - own[1]) : Math.abs(x - own[0]);
    const order = [near, side, along + Math.abs((side === 2 ? aside : off) - gap), y, x];
    const first = order.findIndex((value, n) => found && value !== found.order[n]);
    if (!found || (first >= 0 && order[first] < found.order[first])) found = { x, y, order };
  }
  return found;
}

function fitLabels(svg) {
  const shown = svg.getBoundingClientRect();
  if (!shown.width) return;
  const view = svg.viewBox.baseVal;
  const scale = Math.max(view.width / shown.width, view.height / shown.height);
  // SVG paints in order: the best is the last.
  const marks = all(".mark:not([hidden])", svg).reverse().map((item) => {
    const line = item.querySelector(".line");
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => Number(line.getAttribute(name)));
    return { item, box: [x, y, x + w, y + h] };
  });
  const labels = [];
  for (const mark of marks) {
    const tag = mark.item.querySelector(".tag");
    const [inner, plate, text] = [tag.firstElementChild, tag.querySelector(".plate"), tag.querySelector("text")];
    const others = [...marks.filter((other) => other !== mark).map((other) => other.box), ...labels];
    const height = Number(plate.getAttribute("height"));
    tag.removeAttribute("data-nowhere");
    let at = null, width = 0;
    for (const short of [false, true]) {
      tag.classList.toggle("short", short);
      width = text.getComputedTextLength() + 8;
      const size = [width * scale, height * scale];
      if (size[0] > view.width || size[1] > view.height) continue;
      const place = (taken) => nearest(size, mark.box, taken, [view.width, view.height], GAP * scale);
      at = place([mark.box, ...others]) ?? place(others);
      if (at) break;
    }
    // An attribute of its own: hidden is what the score decides.
    tag.toggleAttribute("data-nowhere", !at);
    if (!at) continue;
    labels.push([at.x, at.y, at.x + width * scale, at.y + height * scale]);
    tag.setAttribute("transform", `translate(${at.x} ${at.y})`);
    inner.setAttribute("transform", `scale(${scale})`);
    plate.setAttribute("width", width);
    text.setAttribute("x", width / 2);
  }
}

const sizes = new ResizeObserver((entries) => entries.forEach((entry) => fitLabels(entry.target)));
all(".marks").forEach((svg) => sizes.observe(svg));

// A row lights up its mark, a mark its row.

function light(key, on) {
  for (const item of all(`[data-mark="${key}"]`)) item.classList.toggle("lit", on);
}

for (const [start, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  for (const [type, on] of [[start, true], [end, false]]) {
    document.addEventListener(type, (event) => {
      const item = event.target.closest("[data-mark]");
      if (item) light(item.dataset.mark, on);
    });
  }
}

// Enlarged: the picture is laid out at its zoomed size, so that lines and labels stay thin.

const view = { film: null, stage: null, scale: 1, x: 0, y: 0, room: [0, 0], fitted: true };

function openViewer(film, box) {
  view.film = film;
  view.stage = film.querySelector(".stage").cloneNode(true);
  viewerStage.replaceChildren(view.stage);
  const label = film.querySelector(".corner").textContent;
  const name = film.querySelector("summary").textContent;
  viewer.querySelector(".viewer-name").textContent = `${label} · ${name}`;
  if (!viewer.open) viewer.showModal();
  sizes.observe(view.stage.querySelector(".marks"));
  fit();
  if (box) centreOn(box);
}

function pictureSize() {
  const picture = view.stage.querySelector("img");
  return [Number(picture.getAttribute("width")), Number(picture.getAttribute("height"))];
}

function fitScale() {
  const [width, height] = pictureSize();
  return Math.min(viewer.clientWidth / width, viewer.clientHeight / height);
}

function fit() {
  const [width, height] = pictureSize();
  view.scale = fitScale();
  view.x = (viewer.clientWidth - width * view.scale) / 2;
  view.y = (viewer.clientHeight - height * view.scale) / 2;
  place(true);
}

function centreOn(box) {
  const [width, height] = [box.width.baseVal.value, box.height.baseVal.value];
  const fill = Math.min(viewer.clientWidth / width, viewer.clientHeight / height) / 3;
  view.scale = clamp(fill, fitScale(), fitScale() * 3);
  view.x = viewer.clientWidth / 2 - (box.x.baseVal.value + width / 2) * view.scale;
  view.y = viewer.clientHeight / 2 - (box.y.baseVal.value + height / 2) * view.scale;
  place();
}

function zoom(factor, x = viewer.clientWidth / 2, y = viewer.clientHeight / 2) {
  const next = clamp(view.scale * factor, fitScale() / 2, fitScale() * 12);
  view.x = x - (x - view.x) * next / view.scale;
  view.y = y - (y - view.y) * next / view.scale;
  view.scale = next;
  place();
}

function place(fitted = false) {
  const [width, height] = pictureSize();
  Object.assign(view, { fitted, room: [viewer.clientWidth, viewer.clientHeight] });
  Object.assign(view.stage.style, {
    left: `${view.x}px`,
    top: `${view.y}px`,
    width: `${width * view.scale}px`,
    height: `${height * view.scale}px`,
  });
}

function go(step) {
  const films = all(".film");
  openViewer(films[(films.indexOf(view.film) + step + films.length) % films.length]);
}

for (const button of all(".viewer-tools button")) {
  button.addEventListener("click", () => {
    if (button.dataset.go) go(Number(button.dataset.go));
    else if (button.dataset.zoom === "0") fit();
    else if (button.dataset.zoom) zoom(Number(button.dataset.zoom));
    else viewer.close();
  });
}

viewer.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 500), event.clientX, event.clientY);
}, { passive: false });
viewer.addEventListener("close", () => viewerStage.replaceChildren());
window.addEventListener("resize", () => {
  if (!viewer.open) return;
  if (view.fitted) return fit();
  view.x += (viewer.clientWidth - view.room[0]) / 2;
  view.y += (viewer.clientHeight - view.room[1]) / 2;
  place();
});

// Pointer: a drag sets window and level (or moves the enlarged picture), a click enlarges.

let drag = null;

document.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || event.target.closest("button")) return;
  const enlarged = event.target.closest(".viewer-stage");
  const stage = event.target.closest(".stage");
  if (!enlarged && !stage) return;
  drag = { enlarged, stage, x: event.clientX, y: event.clientY, moved: false };
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  Object.assign(drag, { moved: true, x: event.clientX, y: event.clientY });
  if (drag.enlarged && !event.shiftKey) {
    view.x += dx;
    view.y += dy;
    place();
  } else if (drag.enlarged || event.pointerType !== "touch") {
    dragWindow(dx, dy);
  }
});

document.addEventListener("pointerup", () => {
  if (drag && !drag.moved && !drag.enlarged) openViewer(drag.stage.closest(".film"));
  drag = null;
});
document.addEventListener("pointercancel", () => { drag = null; });

document.addEventListener("click", (event) => {
  const enlarge = event.target.closest(".enlarge");
  if (enlarge) openViewer(enlarge.closest(".film"));
  const heat = event.target.closest("[data-heat]");
  if (heat) {
    heat.setAttribute("aria-pressed", String(!isOn(heat)));
    heat.closest(".closeup").classList.toggle("heated", isOn(heat));
  }
  const row = event.target.closest("[data-show]");
  if (!row) return;
  const film = $(row.dataset.show);
  const key = row.closest("[data-mark]").dataset.mark;
  openViewer(film, film.querySelector(`[data-mark="${key}"] .line`));
  light(key, true);
});

// Keys

const keys = {
  i: () => setToggle(toggles.invert, !isOn(toggles.invert)),
  m: () => setToggle(toggles.marks, !isOn(toggles.marks)),
  r: reset,
};
const viewerKeys = {
  ArrowLeft: () => go(-1),
  ArrowRight: () => go(1),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  0: fit,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = (viewer.open && viewerKeys[event.key]) || keys[event.key.toLowerCase()];
  if (action) {
    event.preventDefault();
    action();
  }
});

// A browser that restores the form after a reload must not show other marks than the sliders say.
refresh();
if (sliders.score.value !== sliders.score.defaultValue) showScores();
