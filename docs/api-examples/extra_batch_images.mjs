// Upscale several images.
import { readFile } from "node:fs/promises";

import { submit } from "./client.mjs";

const data = await readFile("image.png", "base64");
const response = await submit({
  metadata: { id: "cat-4", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "extra-batch-images" },
  content: {
    imageList: [
      { name: "one.png", data },
      { name: "two.png", data },
    ],
    upscaler_1: "R-ESRGAN 4x+",
    upscaling_resize: 2,
  },
});
console.log(response.output_location);
