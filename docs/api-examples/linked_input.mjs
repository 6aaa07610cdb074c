// Upload an input file, then submit a workflow whose node refers to it by name.
import { readFile } from "node:fs/promises";

import { call, fromJson, submit } from "./client.mjs";

const image = await readFile("image.png");

const upload = await call("POST", "v1alpha2/uploads", { content_type: "image/png", content_length: image.length });
const put = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: image });
if (!put.ok) throw new Error(`the upload failed with status ${put.status}`);

const response = await submit({
  metadata: {
    id: "dog-2",
    runtime: process.env.COMFYUI_RUNTIME,
    tasktype: "pipeline",
    inputs: { "portrait.png": upload.content_ref },
  },
  content: fromJson(await readFile("workflow_with_input.json", "utf8")),
});
console.log(response.output_location);
