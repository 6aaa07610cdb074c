// A seed beyond 2 ** 53 is a BigInt, which keeps all digits in the request and in the response.
import { call, submit } from "./client.mjs";

const seed = 9223372036854775783n;
await submit({
  metadata: { id: "cat-8", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "text-to-image", context: { seed } },
  content: { prompt: "a cat in a spacesuit, photograph", seed },
});
const task = await call("GET", "v1alpha2/tasks/cat-8");
console.log(String(task.context.seed));
