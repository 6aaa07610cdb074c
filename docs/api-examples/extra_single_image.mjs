// Make one image larger.
import { readFile } from "node:fs/promises";

import { submit } from "./client.mjs";

const answer = await submit({
  metadata: { id: "cat-3", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "extra-single-image" },
  content: {
    image: await readFile("picture.png", "base64"),
    upscaler_1: "R-ESRGAN 4x+",
    upscaling_resize: 2,
  },
});
console.log(answer.output_location);
