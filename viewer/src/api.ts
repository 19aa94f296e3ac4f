/** Requests to our own server. */

import type { Me, Outline, Read, Task, Worklist } from "./types";

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** What the page shows is no longer what is there. */
    readonly reload = false,
  ) {
    super(message);
  }
}

async function ask<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, {
    signal,
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({ error: answer.statusText }));
    throw new Refused(told.error ?? answer.statusText, answer.status, told.reload === true);
  }
  return answer.json();
}

export interface Query {
  words: string;
  state: string;
  least: number | null;
  sort: string;
  descending: boolean;
  page: number;
  size: number;
}

/** What the page brought along: who reads, and the first page of the worklist. */
interface First {
  me: Me;
  worklist: Worklist;
}

const brought = document.getElementById("first")?.textContent;
const first: First | null = brought ? JSON.parse(brought) : null;
let firstList = first?.worklist ?? null;

export const me = async () => first?.me ?? ask<Me>("/api/me");

/** The first page of the worklist as the page brought it; once, as it grows old. */
export function broughtList(): Worklist | null {
  const list = firstList;
  firstList = null;
  return list;
}
export const worklist = (query: Query) => ask<Worklist>("/api/worklist", query);
export const task = (key: string) => ask<Task>(`/api/task/${key}`);
export const outline = (image: string, signal?: AbortSignal) => ask<Outline>(`/api/image/${image}/outline`, undefined, signal);
export const generation = () => ask<{ generation: number }>("/api/generation");
export const leftOut = () => ask<{ left_out: string[] }>("/api/left-out");
export const thumbnail = (image: string) => `/api/image/${image}/thumbnail`;
export const heat = (task: string, image: string, number: number) =>
  `/api/task/${task}/heat/${image}/${number}`;

/** A step is sent again with the same id until it is answered: nothing is lost or done twice. */
export async function step(task: string, kind: string, body: object): Promise<Read> {
  const id = identifier();
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask<Read>(`/api/task/${task}/steps`, { id, kind, body });
    } catch (error) {
      if (error instanceof Refused || attempt === 4) throw error;
      await new Promise((done) => setTimeout(done, 300 * 2 ** attempt));
    }
  }
}

export function identifier(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Pixels of a tile, or null where all of them are black. */
export async function tile(
  image: string,
  level: number,
  x: number,
  y: number,
  signal: AbortSignal,
): Promise<Uint16Array<ArrayBuffer> | null> {
  const answer = await fetch(`/api/image/${image}/tile/${level}/${x}/${y}`, { signal });
  if (answer.status === 204) return null;
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Refused(told.error ?? "the image cannot be shown", answer.status);
  }
  return new Uint16Array(await answer.arrayBuffer());
}
