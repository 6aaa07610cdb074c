// Upscale one image.
import { readFile } from "node:fs/promises";

import { submit } from "./client.mjs";

const response = await submit({
  metadata: { id: "cat-3", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "extra-single-image" },
  content: {
    image: await readFile("image.png", "base64"),
    upscaler_1: "R-ESRGAN 4x+",
    upscaling_resize: 2,
  },
});
console.log(response.output_location);
