// Send a request again until there is a response: with an Idempotency-Key it creates only one task.
import { submit } from "./client.mjs";

const task = {
  metadata: { id: "order-4713", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "text-to-image" },
  content: { prompt: "a cat in a spacesuit, photograph" },
};
const first = await submit(task, "order-4713");
const again = await submit(task, "order-4713");
console.log(first.submission === again.submission);
