// Run a ComfyUI workflow that was exported in the API format.
import { readFile } from "node:fs/promises";

import { fromJson, submit } from "./client.mjs";

const response = await submit({
  metadata: { id: "dog-1", runtime: process.env.COMFYUI_RUNTIME, tasktype: "pipeline" },
  content: fromJson(await readFile("workflow.json", "utf8")), // JSON.parse would round a large seed
});
console.log(response.output_location);
