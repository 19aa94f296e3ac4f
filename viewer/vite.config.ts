import { defineConfig } from "vite";

// Names without digests and no time stamps: the same sources give the same bytes.
export default defineConfig({
  build: {
    outDir: "../src/mammoscope/viewer/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/viewer.js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
});
