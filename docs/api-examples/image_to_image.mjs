// Image to image: the image is part of the request, in base64.
import { readFile } from "node:fs/promises";

import { submit } from "./client.mjs";

const response = await submit({
  metadata: { id: "cat-2", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "image-to-image" },
  content: {
    prompt: "a cat in a spacesuit, oil painting",
    init_images: [await readFile("image.png", "base64")],
    denoising_strength: 0.6,
  },
});
console.log(response.output_location);
