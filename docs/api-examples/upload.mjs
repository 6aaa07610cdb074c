// Upload content of more than 4 MiB, then submit a task that refers to it.
import { readFile } from "node:fs/promises";

import { call, submit, toJson } from "./client.mjs";

const content = Buffer.from(
  toJson({ prompt: "a cat in a spacesuit, oil painting", init_images: [await readFile("image.png", "base64")] }),
);

const upload = await call("POST", "v1alpha2/uploads", {
  content_type: "application/json",
  content_length: content.length,
});
// The headers are part of the signature: send exactly these headers and values.
const put = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: content });
if (!put.ok) throw new Error(`the upload failed with status ${put.status}`);

const response = await submit({
  metadata: { id: "cat-6", runtime: process.env.SDWEBUI_RUNTIME, tasktype: "image-to-image" },
  content_ref: upload.content_ref,
});
console.log(response.output_location);
