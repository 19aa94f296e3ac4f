/** What the server tells, see src/mammoscope/viewer/told.py. */

export type Box = [number, number, number, number];
export type Side = "R" | "L";

export interface Me {
  reader: string;
  role: "reader" | "adjudicator";
  title: string;
  version: string;
  disclaimer: string;
  exports: string[];
  birads: string[];
  densities: string[];
  reference: { about: string; features: FeatureAbout[] };
}

export interface FeatureAbout {
  name: string;
  title: string;
  meaning: string;
  percent: boolean;
  spread: { benign: number[]; malignant: number[] };
}

export interface WorklistRow {
  key: string;
  patient: string | null;
  study: string | null;
  state: State;
  mode: Mode;
  /** That of the plan of a reader study, from 1. */
  session: number | null;
  views: string[];
  images: string[];
  names: string[];
  score?: number | null;
  /** 1 to 10: that of the highest image; null where that of an image is unknown. */
  exam?: number | null;
  findings?: number;
  suspicious?: number;
}

export type State = "new" | "started" | "saved" | "done";
export type Mode = "beside" | "independent" | "blinded";

export interface Worklist {
  total: number;
  all: number;
  states: Record<State, number>;
  shows_model: boolean;
  /** Grows when studies come or change. */
  generation: number;
  rows: WorklistRow[];
}

export interface ImageTold {
  key: string;
  name: string;
  laterality: Side | null;
  view: string | null;
  rows: number;
  columns: number;
  levels: [number, number][];
  tile: number;
  spacing_mm: [number, number] | null;
  spacing_source: string | null;
  intensity: string;
  warnings: string[];
}

export interface HangingRow {
  view: string | null;
  R: string[];
  L: string[];
}

export interface Hanging {
  rows: HangingRow[];
  loose: string[];
}

export interface Feature {
  value: number;
  benign: number;
  malignant: number;
}

export interface Finding {
  number: number;
  box_px: Box;
  score: number;
  p_malignant: number | null;
  path: string;
  size_mm: [number, number] | null;
  shown: boolean;
  features: Record<string, Feature> | null;
  heat: Box | null;
}

export interface Link {
  images: [string, string];
  findings: [number, number];
  distances: [number, number];
  unit: string;
}

export interface Model {
  findings: Record<string, Finding[]>;
  /** Of each image what a second look named as no mass, in words. */
  lookalikes: Record<string, string[]>;
  threshold: number;
  malignant_threshold: number | null;
  links: Link[];
  breasts: { side: Side | null; score: number | null }[];
  malignancy: number | null;
  /** Of each image, 1 to 10 among images read as normal. */
  exam_scores: Record<string, number | null>;
  /** Breast density of each image, where the result holds it. */
  densities: Record<string, { category: string; probabilities: Record<string, number> } | null>;
  models: string[];
}

export type Origin = "own" | "accepted" | "corrected" | "rejected" | "merged";

export interface Mark {
  id: string;
  image: string;
  origin: Origin;
  box: Box;
  finding: number | null;
  label: "benign" | "malignant" | null;
  birads: string | null;
  rating: number | null;
  text: string;
  after_model: boolean;
  /** Whose marks a merged one is of. */
  readers: string[];
}

export interface Exam {
  birads_right: string | null;
  birads_left: string | null;
  density: string | null;
  rating: number | null;
  text: string;
}

export interface Read {
  state: State;
  marks: Mark[];
  exam: Exam;
  saved: boolean;
  seconds: number;
  /** Keys of the images that were shown so far; null where that was not kept. */
  images: string[] | null;
}

/** What one reader says of a place. */
export interface Voice extends Pick<Mark, "origin" | "label" | "birads" | "rating" | "text" | "box"> {
  reader: string;
  mode: Mode;
}

/** A place that other readers have marked, for an adjudicator. */
export interface Merged {
  image: string;
  box: Box;
  label: Mark["label"];
  birads: string | null;
  rating: number | null;
  silent: string[];
  voices: Voice[];
}

export interface Prior {
  study_id: string | null;
  date: string | null;
  images: ImageTold[];
  hanging: Hanging;
}

export interface Task {
  key: string;
  study: string;
  mode: Mode;
  patient: string | null;
  study_id: string | null;
  images: ImageTold[];
  hanging: Hanging;
  read: Read;
  model: Model | null;
  priors: Prior[];
  others: (Read & { reader: string; mode: Mode })[];
  merged: Merged[];
  /** Images of the next study, where they may be seen. */
  ahead: string[];
  next: string | null;
  previous: string | null;
}

export interface Outline {
  breast: Box | null;
  faces_left: boolean | null;
  window: [number, number];
}
