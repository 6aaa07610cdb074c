// Text to image.
import { submit } from "./client.mjs";

const response = await submit({
  metadata: {
    id: "cat-1",
    runtime: process.env.SDWEBUI_RUNTIME,
    tasktype: "text-to-image",
    prefix: "campaign-7",
    context: { user: "ann" },
  },
  content: {
    prompt: "a cat in a spacesuit, photograph",
    negative_prompt: "blurry",
    steps: 20,
    width: 512,
    height: 768,
    seed: 42,
  },
});
console.log(response.submission, response.output_location);
