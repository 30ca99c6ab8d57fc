import { defineConfig } from "vite";

/** `npm run dev` serves the sources and asks this server for data. */
const server = "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../src/penstock/api/cockpit/static",
    emptyOutDir: true,
    // The Content-Security-Policy allows no data: addresses for code, and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.md" },
    // The diagram is a chunk of its own, loaded when a page shows one.
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/engine-rest": server, "/penstock": server } },
});
