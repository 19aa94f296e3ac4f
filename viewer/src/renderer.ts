/**
 * Draws 16-bit tiles by WebGL 2: coarse ones at once, finer ones as they arrive. Window, level and
 * inversion are applied in the shader, so that they need no request.
 */

import { tile as fetchTile } from "./api";
import type { ImageTold } from "./types";
import type { View } from "./view";

const VERTEX = `#version 300 es
in vec2 corner;
uniform vec4 place;
uniform vec4 texels;
out vec2 at;
void main() {
  at = mix(texels.xy, texels.zw, corner);
  gl_Position = vec4(mix(place.xy, place.zw, corner), 0.0, 1.0);
}`;

// An integer texture has no filter of its own: bilinear by hand.
const FRAGMENT = `#version 300 es
precision highp float;
precision highp usampler2D;
uniform usampler2D pixels;
uniform vec3 grey;
in vec2 at;
out vec4 colour;
float get(ivec2 place) { return float(texelFetch(pixels, place, 0).r); }
void main() {
  ivec2 last = textureSize(pixels, 0) - 1;
  vec2 low = floor(at - 0.5);
  vec2 share = at - 0.5 - low;
  ivec2 a = clamp(ivec2(low), ivec2(0), last);
  ivec2 b = clamp(ivec2(low) + 1, ivec2(0), last);
  float top = mix(get(a), get(ivec2(b.x, a.y)), share.x);
  float bottom = mix(get(ivec2(a.x, b.y)), get(b), share.x);
  float value = mix(top, bottom, share.y) / 65535.0;
  float shown = clamp((value - grey.x) / grey.y + 0.5, 0.0, 1.0);
  shown = grey.z > 0.5 ? 1.0 - shown : shown;
  colour = vec4(vec3(shown), 1.0);
}`;

interface Tile {
  texture: WebGLTexture | null;
  width: number;
  height: number;
  used: number;
}

export interface Pane {
  view: View;
  /** In CSS pixels, from the top left of the canvas. */
  x: number;
  y: number;
  /** A part of the pane's rectangle to be drawn, for the magnifier; else all of it. */
  clip?: { x: number; y: number; width: number; height: number };
}

/** Kept when a study is left, for the next one. */
const spare: Renderer[] = [];
const MOST_SPARE = 2;

const MOST_TILES = 500;
const AT_ONCE = 8;

export class Renderer {
  readonly canvas = document.createElement("canvas");
  panes: Pane[] = [];
  onProblem: (message: string) => void = () => {};
  /** Called after each drawing with the panes that wait for nothing any more. */
  onDrawn: (whole: boolean) => void = () => {};

  private readonly gl: WebGL2RenderingContext;
  private readonly uniforms: Record<"place" | "texels" | "grey", WebGLUniformLocation>;
  private readonly tiles = new Map<string, Tile | "black" | "waiting" | "failed">();
  private readonly queue: { key: string; image: string; at: [number, number, number] }[] = [];
  private stop = new AbortController();
  private running = 0;
  private frame = 0;
  private drawings = 0;

  /** One that was made before, or a new one. */
  static take(): Renderer {
    return spare.pop() ?? new Renderer();
  }

  /** Make one while nobody waits: a graphics context and its programs take their time. */
  static prepare(): void {
    if (!spare.length) spare.push(new Renderer());
  }

  private constructor() {
    const gl = this.canvas.getContext("webgl2", { alpha: false, antialias: false });
    if (!gl) throw new Error("This browser has no WebGL 2, which the viewer needs.");
    this.gl = gl;
    const program = link(gl);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 2);
    gl.enable(gl.SCISSOR_TEST);
    const uniform = (name: string) => gl.getUniformLocation(program, name)!;
    this.uniforms = { place: uniform("place"), texels: uniform("texels"), grey: uniform("grey") };
    // A first drawing, of nothing: programs are only made ready by it.
    gl.uniform4f(this.uniforms.place, 0, 0, 0, 0);
    gl.uniform3f(this.uniforms.grey, 0.5, 1, 0);
    gl.bindTexture(gl.TEXTURE_2D, this.black());
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
    gl.flush();
  }

  resize(width: number, height: number): void {
    const ratio = devicePixelRatio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    this.draw();
  }

  /** Draw at the next frame. */
  draw(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.now());
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.stop.abort();
    this.stop = new AbortController();
    this.queue.length = 0;
    for (const tile of this.tiles.values()) if (typeof tile === "object") this.gl.deleteTexture(tile.texture);
    this.tiles.clear();
    this.panes = [];
    this.onProblem = this.onDrawn = () => {};
    this.canvas.remove();
    if (spare.length < MOST_SPARE && !this.gl.isContextLost()) spare.push(this);
    else this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private now(): void {
    this.frame = 0;
    this.drawings++;
    const { gl } = this;
    gl.scissor(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.queue.length = 0;
    let whole = true;
    for (const pane of this.panes) whole = this.pane(pane) && whole;
    this.pump();
    this.forget();
    this.onDrawn(whole);
  }

  /** Draw one pane; whether all its tiles were there. */
  private pane({ view, x, y, clip }: Pane): boolean {
    const { gl } = this;
    const ratio = devicePixelRatio;
    const cut = clip ?? { x, y, width: view.size.width, height: view.size.height };
    gl.scissor(
      Math.round(cut.x * ratio),
      this.canvas.height - Math.round((cut.y + cut.height) * ratio),
      Math.round(cut.width * ratio),
      Math.round(cut.height * ratio),
    );
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const { center, width, invert } = view.grey;
    gl.uniform3f(this.uniforms.grey, center, width, invert ? 1 : 0);
    const last = view.image.levels.length - 1;
    const best = view.settled ? levelFor(view, ratio) : last;
    let whole = view.settled;
    // Where all fine tiles are there, coarser ones would be drawn over.
    const covered = seen(view, best).every((at) => isReady(this.tiles.get(keyOf(view, best, at))));
    for (let level = covered ? best : last; level >= best; level--) {
      const wanted = level === last || level === best;
      for (const at of seen(view, level)) {
        const key = keyOf(view, level, at);
        const tile = this.tiles.get(key);
        if (tile === undefined && wanted) this.ask(key, view.image, [level, ...at]);
        if (wanted && (tile === undefined || tile === "waiting")) whole = false;
        if (isReady(tile)) this.quad({ view, x, y }, level, at, tile);
      }
    }
    return whole;
  }

  private quad(
    { view, x, y }: Pane,
    level: number,
    [column, row]: [number, number],
    tile: Tile | "black",
  ): void {
    const { gl } = this;
    const { image } = view;
    const [rows, columns] = image.levels[level];
    const [sx, sy] = [image.columns / columns, image.rows / rows];
    const x0 = column * image.tile;
    const y0 = row * image.tile;
    const x1 = Math.min(x0 + image.tile, columns);
    const y1 = Math.min(y0 + image.tile, rows);
    const [ax, ay] = view.toScreen(x0 * sx, y0 * sy);
    const [bx, by] = view.toScreen(x1 * sx, y1 * sy);
    const toClip = (px: number, py: number) => [
      ((2 * (px + x)) * devicePixelRatio) / this.canvas.width - 1,
      1 - ((2 * (py + y)) * devicePixelRatio) / this.canvas.height,
    ];
    const [cx0, cy0] = toClip(ax, ay);
    const [cx1, cy1] = toClip(bx, by);
    gl.uniform4f(this.uniforms.place, cx0, cy0, cx1, cy1);
    if (tile === "black") {
      gl.bindTexture(gl.TEXTURE_2D, this.black());
      gl.uniform4f(this.uniforms.texels, 0, 0, 1, 1);
    } else {
      tile.used = this.drawings;
      gl.bindTexture(gl.TEXTURE_2D, tile.texture);
      gl.uniform4f(this.uniforms.texels, 1, 1, tile.width - 1, tile.height - 1);
    }
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  private blackTexture: WebGLTexture | null = null;

  private black(): WebGLTexture | null {
    this.blackTexture ??= this.texture(new Uint16Array([0]), 1, 1);
    return this.blackTexture;
  }

  private texture(pixels: Uint16Array<ArrayBuffer>, width: number, height: number): WebGLTexture | null {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.texImage2D(
      gl.TEXTURE_2D, 0, gl.R16UI, width, height, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, pixels,
    );
    return texture;
  }

  /** Coarse tiles first; what is no longer in sight when its turn comes was dropped by a drawing. */
  private ask(key: string, image: ImageTold, at: [number, number, number]): void {
    const entry = { key, image: image.key, at };
    if (at[0] === image.levels.length - 1) this.queue.unshift(entry);
    else this.queue.push(entry);
  }

  private pump(): void {
    while (this.running < AT_ONCE && this.queue.length) {
      const next = this.queue.shift()!;
      if (this.tiles.has(next.key)) continue;
      this.tiles.set(next.key, "waiting");
      this.running++;
      void this.load(next.key, next.image, next.at);
    }
  }

  private async load(key: string, image: string, at: [number, number, number]): Promise<void> {
    const { signal } = this.stop;
    try {
      const pixels = await fetchTile(image, ...at, signal);
      if (signal.aborted) return;
      if (pixels === null) this.tiles.set(key, "black");
      else {
        const told = this.panes.find((pane) => pane.view.image.key === image)?.view.image;
        const [rows, columns] = told ? told.levels[at[0]] : [0, 0];
        const side = told?.tile ?? 0;
        const width = Math.min(side, columns - at[1] * side) + 2;
        const height = Math.min(side, rows - at[2] * side) + 2;
        if (told && pixels.length === width * height) {
          const texture = this.texture(pixels, width, height);
          this.tiles.set(key, { texture, width, height, used: this.drawings });
        } else this.tiles.delete(key);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.tiles.set(key, "failed");
      this.onProblem(error instanceof Error ? error.message : String(error));
    } finally {
      this.running--;
    }
    this.draw();
  }

  private forget(): void {
    if (this.tiles.size <= MOST_TILES) return;
    const old = [...this.tiles].filter(
      (entry): entry is [string, Tile] =>
        typeof entry[1] === "object" && entry[1].used < this.drawings,
    );
    old.sort((a, b) => a[1].used - b[1].used);
    for (const [key, tile] of old.slice(0, this.tiles.size - MOST_TILES)) {
      this.gl.deleteTexture(tile.texture);
      this.tiles.delete(key);
    }
  }
}

type Kept = Tile | "black" | "waiting" | "failed" | undefined;

function isReady(tile: Kept): tile is Tile | "black" {
  return typeof tile === "object" || tile === "black";
}

function keyOf(view: View, level: number, [column, row]: [number, number]): string {
  return `${view.image.key}/${level}/${column}/${row}`;
}

/** The coarsest level that has a pixel for every pixel of the screen. */
function levelFor(view: View, ratio: number): number {
  const { image } = view;
  const wanted = image.columns * view.scale * ratio;
  let level = image.levels.length - 1;
  while (level > 0 && image.levels[level][1] < wanted * 0.9) level--;
  return level;
}

/** Column and row of the tiles of a level that are in sight. */
function seen(view: View, level: number): [number, number][] {
  const { image } = view;
  const [rows, columns] = image.levels[level];
  const [sx, sy] = [image.columns / columns, image.rows / rows];
  const [x0, y0, x1, y1] = view.boxToImage([0, 0, view.size.width, view.size.height]);
  const range = (low: number, high: number, count: number) => {
    const first = Math.max(0, Math.floor(low / image.tile));
    const end = Math.min(Math.ceil(count / image.tile) - 1, Math.floor(high / image.tile));
    return Array.from({ length: Math.max(0, end - first + 1) }, (_, n) => first + n);
  };
  const across = range(x0 / sx, x1 / sx, columns);
  return range(y0 / sy, y1 / sy, rows).flatMap((row) =>
    across.map((column): [number, number] => [column, row]),
  );
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(gl.getProgramInfoLog(program) ?? "WebGL failed");
  return program;
}
